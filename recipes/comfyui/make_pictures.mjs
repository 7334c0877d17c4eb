// Recipe of docs/pictures/comfyui-*.jpg: each example workflow, run in a real server and seen in headless Chromium.
//
//   npm install playwright-core
//   node recipes/comfyui/make_pictures.mjs http://127.0.0.1:8188 docs/pictures [NAME ...]     CHROMIUM=/usr/bin/chromium
//
// A workflow that cannot run here (no weights, no GPU) is shown with what it says about that.
import { readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { chromium } = createRequire(join(process.cwd(), 'any.js'))('playwright-core')
const [server, out, ...names] = process.argv.slice(2)
const folder = new URL('../../comfyui/example_workflows/', import.meta.url)
const LIMIT_MS = 900_000
const SECONDS = 2 // of video, so that a plain CPU is done soon

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars'],
})
const page = await browser.newPage({ viewport: { width: 1800, height: 1000 } })
const SETTINGS = {
  'Comfy.TutorialCompleted': true,
  'Comfy.Minimap.Visible': false,
  'Comfy.Graph.CanvasMenu': false,
  'Comfy.Graph.CanvasInfo': false,
  'Comfy.RightSidePanel.ShowErrorsTab': false
}
for (const [name, value] of Object.entries(SETTINGS)) {
  await page.request.post(`${server}/settings/${name}`, { data: JSON.stringify(value) })
}
for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
  const name = file.replace('.json', '')
  if (names.length && !names.includes(name)) continue
  const workflow = JSON.parse(readFileSync(new URL(file, folder)))
  await page.goto(server)
  await page.waitForFunction(() => window.app?.graph && window.app?.extensionManager, null, { timeout: 120_000 })
  await page.waitForTimeout(3000)
  await page.evaluate(async ([graph, seconds]) => {
    await window.app.loadGraphData(graph)
    for (const node of window.app.graph._nodes) {
      for (const widget of node.widgets ?? []) if (widget.name === 'duration') widget.value = seconds
    }
  }, [workflow, SECONDS])
  await page.waitForTimeout(1500)
  const before = Object.keys(await (await page.request.get(`${server}/history`)).json()).length
  await page.evaluate(() => window.app.queuePrompt(0, 1))
  const end = Date.now() + LIMIT_MS
  while (Date.now() < end) {
    await page.waitForTimeout(1000)
    if (Object.keys(await (await page.request.get(`${server}/history`)).json()).length > before) break
  }
  await page.waitForTimeout(2000)
  const clip = await page.evaluate(() => {
    const canvas = window.app.canvas
    const nodes = window.app.graph._nodes
    const left = Math.min(...nodes.map((n) => n.pos[0])) - 20
    const top = Math.min(...nodes.map((n) => n.pos[1])) - 60
    const right = Math.max(...nodes.map((n) => n.pos[0] + n.size[0])) + 20
    const bottom = Math.max(...nodes.map((n) => n.pos[1] + n.size[1])) + 20
    const scale = Math.min(1700 / (right - left), 880 / (bottom - top))
    canvas.ds.scale = scale
    canvas.ds.offset = [-left + 80 / scale, -top + 100 / scale]
    canvas.setDirty(true, true)
    return { x: 80, y: 100, width: (right - left) * scale, height: (bottom - top) * scale }
  })
  await page.waitForTimeout(2500)
  // The bars of the page lie over its edges.
  await page.addStyleTag({ content: '.comfyui-body-top, .comfyui-body-left, .p-toast, .actionbar { opacity: 0 }' })
  const box = await page.evaluate(() => window.app.canvas.canvas.getBoundingClientRect().toJSON())
  const path = join(out, `comfyui-${name.replace('sonic-', '')}.jpg`)
  const inner = { ...clip, x: clip.x + box.x, y: clip.y + box.y }
  await page.screenshot({ path, type: 'jpeg', quality: 68, clip: inner })
  console.log(name)
}
await browser.close()
