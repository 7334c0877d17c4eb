// Builds the page into the Python package: node build.mjs. The digest of the sources is in the first line of app.js; a
// test holds the built files to it, so that installing needs no node.
import { createHash } from "node:crypto"
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const here = dirname(fileURLToPath(import.meta.url))
const out = join(here, "..", "src", "sonic", "apps", "studio", "page")
const digest = createHash("sha256")
for (const name of readdirSync(join(here, "src")).sort()) digest.update(`${name}\n`).update(readFileSync(join(here, "src", name)))

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
const common = { bundle: true, minify: true, target: "es2022", charset: "utf8", legalComments: "none", logLevel: "warning" }
await build({
  ...common,
  entryPoints: [join(here, "src", "app.ts"), join(here, "src", "api_page.ts")],
  format: "esm",
  outdir: out,
  banner: { js: `// sources ${digest.digest("hex")}` },
})
await build({ ...common, entryPoints: [join(here, "src", "style.css")], outfile: join(out, "style.css") })
for (const name of ["index.html", "api.html", "icon.svg"]) cpSync(join(here, "src", name), join(out, name))
