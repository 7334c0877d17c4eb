// Two takes side by side on one clock.
import { address, type Job } from "./api"
import { button, h, icon } from "./dom"
import { clock, t } from "./i18n"
import { unique } from "./dom"

const APART_S = 0.04

export function comparison(first: Job, second: Job, signal: AbortSignal): HTMLElement {
  const videos = [first, second].map((job) => h("video", { src: address(`jobs/${job.id}/video`), playsInline: true, preload: "auto", "aria-label": job.title })) as [HTMLVideoElement, HTMLVideoElement]
  const [leader, follower] = videos
  follower.muted = true
  const length = () => Math.max(leader.duration || 0, follower.duration || 0)
  const time = h("output", { class: "number" }, "0:00.0")
  const seek = h("input", { type: "range", min: "0", max: "1", step: "any", value: "0", "aria-label": t("compare_clock"), oninput: () => to(Number(seek.value) * length()) })
  const to = (seconds: number) => { for (const video of videos) video.currentTime = Math.min(seconds, video.duration || seconds) }
  const playing = () => videos.some((video) => !video.paused && !video.ended)
  const play = button(t("play"), () => {
    if (playing()) return videos.forEach((video) => video.pause())
    if (videos.every((video) => video.ended || video.currentTime >= (video.duration || 0))) to(0)
    for (const video of videos) if (!video.ended) video.play().catch(() => {})
  }, { icon: "play", bare: true, kind: "round" })
  const step = () => {
    if (signal.aborted) return videos.forEach((video) => video.pause())
    const now = leader.ended ? follower.currentTime : leader.currentTime
    if (!leader.paused && !follower.paused && Math.abs(follower.currentTime - now) > APART_S) follower.currentTime = now
    seek.value = String(length() ? now / length() : 0)
    seek.style.setProperty("--at", `${length() ? (100 * now) / length() : 0}%`)
    time.textContent = clock(now, true)
    const name = playing() ? t("pause") : t("play")
    if (play.title !== name) {
      play.title = name
      play.setAttribute("aria-label", name)
      play.replaceChildren(icon(playing() ? "pause" : "play"))
    }
    requestAnimationFrame(step)
  }
  requestAnimationFrame(step)
  const group = unique("sound")
  const side = (video: HTMLVideoElement, job: Job, index: number) => h("figure", {}, video, h("figcaption", {}, h("span", { class: "clip", title: job.title }, job.title), h("label", { class: "inline" }, h("input", { type: "radio", name: group, checked: index === 0, onchange: () => videos.forEach((each) => (each.muted = each !== video)) }), t("sound_of"))))
  return h("div", { class: "comparison" }, h("div", { class: "sides" }, side(leader, first, 0), side(follower, second, 1)), h("div", { class: "row" }, play, seek, time))
}
