// Taking a picture with the camera.
import { button, h } from "./dom"
import { dialog } from "./common"
import { t } from "./i18n"
import { toast } from "./dom"

/** A picture that was taken, or null. */
export async function takePicture(): Promise<File | null> {
  let stream: MediaStream
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 }, height: { ideal: 1440 }, facingMode: "user" } })
  } catch (error) {
    toast(t("camera_none", { why: why(error) }), "error")
    return null
  }
  let taken: File | null = null
  await dialog(t("take_photo"), (close) => {
    const view = h("video", { srcObject: stream, autoplay: true, muted: true, playsInline: true, class: "camera", "aria-label": t("take_photo") })
    const shoot = async () => {
      taken = await still(view)
      close()
    }
    return [h("div", { class: "camera-view" }, view, h("div", { class: "oval", "aria-hidden": "true" })), h("div", { class: "row center" }, button(t("shoot"), () => void shoot(), { kind: "primary", icon: "camera" }))]
  }, "wide")
  for (const track of stream.getTracks()) track.stop()
  return taken
}

export const why = (error: unknown): string => (error instanceof DOMException ? error.name : navigator.mediaDevices ? String(error) : "HTTPS")

function still(view: HTMLVideoElement): Promise<File | null> {
  const canvas = h("canvas", { width: view.videoWidth, height: view.videoHeight })
  canvas.getContext("2d")?.drawImage(view, 0, 0)
  const name = `camera-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.jpg`
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob && new File([blob], name, { type: "image/jpeg" })), "image/jpeg", 0.95))
}
