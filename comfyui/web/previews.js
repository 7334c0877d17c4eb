// A live preview stays over what a node shows when it is done, so the finished video could not be played: take it away.
import { api } from '../../scripts/api.js'
import { app } from '../../scripts/app.js'

app.registerExtension({
  name: 'sonic.previews',
  setup() {
    api.addEventListener('executed', ({ detail }) => {
      const id = String(detail.display_node ?? detail.node)
      const node = app.graph?.getNodeById(id)
      if (!node?.comfyClass?.startsWith('Sonic') || !detail.output?.images) return
      delete app.nodePreviewImages?.[id]
      const frame = node.widgets?.find((widget) => widget.name === '$$comfy_animation_preview')
      if (frame) node.removeWidget ? node.removeWidget(frame) : frame.onRemove?.()
      node.preview = undefined
      node.images = undefined
      node.setDirtyCanvas(true, true)
    })
  }
})
