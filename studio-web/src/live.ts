// A video that plays while it is made: pieces of a fragmented MP4 as they come, through Media Source Extensions.
import { address } from "./api"
import { h } from "./dom"
import { t } from "./i18n"

type SourceClass = typeof MediaSource

const source = (): SourceClass | null => (window as unknown as { ManagedMediaSource?: SourceClass }).ManagedMediaSource ?? window.MediaSource ?? null

/** A player that fills itself until the video is complete; null where the browser has none. */
export function livePlayer(jobId: string, signal: AbortSignal): HTMLVideoElement | null {
  const Source = source()
  if (!Source) return null
  const media = new Source()
  const video = h("video", { controls: true, playsInline: true, autoplay: true, muted: true, "aria-label": t("live_watch"), class: "live" })
  video.disableRemotePlayback = true
  video.src = URL.createObjectURL(media)
  media.addEventListener("sourceopen", () => void fillFrom(jobId, media, signal).catch(() => {}), { once: true })
  signal.addEventListener("abort", () => URL.revokeObjectURL(video.src))
  return video
}

async function fillFrom(jobId: string, media: MediaSource, signal: AbortSignal): Promise<void> {
  const answer = await fetch(address(`jobs/${jobId}/live`), { signal })
  const reader = answer.ok ? answer.body?.getReader() : null
  if (!reader) return
  let buffer: SourceBuffer | null = null
  let head = new Uint8Array()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    if (!buffer) {
      head = joined(head, value)
      const codecs = codecsOf(head)
      if (!codecs) continue
      buffer = media.addSourceBuffer(`video/mp4; codecs="${codecs}"`)
      await appended(buffer, head)
    } else await appended(buffer, value)
  }
  if (media.readyState === "open") media.endOfStream()
}

function appended(buffer: SourceBuffer, data: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    buffer.addEventListener("updateend", () => resolve(), { once: true })
    buffer.addEventListener("error", () => reject(new Error("append")), { once: true })
    buffer.appendBuffer(data as BufferSource)
  })
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

/** "avc1.640028,mp4a.40.2" from the avcC box at the beginning; empty until it has come. */
function codecsOf(head: Uint8Array): string {
  for (let at = 0; at + 8 < head.length; at++) {
    if (head[at] === 0x61 && head[at + 1] === 0x76 && head[at + 2] === 0x63 && head[at + 3] === 0x43) {
      const profile = [...head.slice(at + 5, at + 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("")
      return `avc1.${profile},mp4a.40.2`
    }
  }
  return ""
}
