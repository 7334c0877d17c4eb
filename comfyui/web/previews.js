// A live preview stays over what a node shows when it is done, so the finished video could not be played: take it away.
import { api } from '../../scripts/api.js'
import { app } from '../../scripts/app.js'

// Widgets of the canvas that show pictures; a video has one of its own.
const STILLS = ['$$canvas-image-preview', '$$comfy_animation_preview']

app.registerExtension({
  name: 'sonic.previews',
  setup() {
    api.addEventListener('executed', ({ detail }) => {
      const id = String(detail.display_node ?? detail.node)
      const node = app.graph?.getNodeById(id)
      if (!node?.comfyClass?.startsWith('Sonic') || !detail.output?.images) return
      delete app.nodePreviewImages?.[id]
      node.preview = undefined
      node.imgs = undefined
      node.images = undefined
      if (detail.output.animated?.[0]) {
        for (const widget of (node.widgets ?? []).filter(({ name }) => STILLS.includes(name))) {
          widget.onRemove?.()
          node.widgets.splice(node.widgets.indexOf(widget), 1)
        }
      }
      node.setDirtyCanvas(true, true)
    })
  }
})
