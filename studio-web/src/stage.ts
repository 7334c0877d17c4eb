// The large picture: the photo with what the analysis sees, the frame of the video, safe areas; and the preview over it.
import { address, type Inspection, type Media, type Platform } from "./api"
import { fill, h, replace, s } from "./dom"
import { t } from "./i18n"

export interface StageOptions { analysis: boolean; platform: Platform | undefined; chosenFace: number | null; onface: (number: number) => void }

/** A photo and an overlay in its own pixels. */
export function photoStage(photo: Media, seen: Inspection | null, options: StageOptions): HTMLElement {
  const [width, height] = seen?.size_px ?? [photo.about.width ?? 3, photo.about.height ?? 4]
  const shown = seen?.shown_px ?? [0, 0, width, height]
  const view = [Math.min(0, shown[0]), Math.min(0, shown[1]), Math.max(width, shown[2]), Math.max(height, shown[3])] as const
  const picture = s("image", { href: address(`media/${photo.id}/picture?px=1600`), x: 0, y: 0, width, height, preserveAspectRatio: "none" })
  const drawing = s("svg", { viewBox: `${view[0]} ${view[1]} ${view[2] - view[0]} ${view[3] - view[1]}`, class: "photo", role: "img", "aria-label": photo.name }, picture)
  const unit = Math.max(width, height) / 600
  if (seen) {
    drawFrame(drawing, seen, view)
    if (options.platform) drawSafe(drawing, shown, options.platform, unit)
    if (options.analysis) drawFace(drawing, seen, unit)
  }
  const holder = h("div", { class: "fitted" }, drawing)
  if (seen && seen.faces_px.length > 1) fill(holder, faceButtons(seen, view, options))
  return holder
}

function drawFrame(drawing: SVGElement, seen: Inspection, view: readonly [number, number, number, number]): void {
  if (!seen.shown_px) return
  const [left, top, right, bottom] = seen.shown_px
  const outside = `M${view[0]} ${view[1]}H${view[2]}V${view[3]}H${view[0]}zM${left} ${top}V${bottom}H${right}V${top}z`
  drawing.append(s("path", { d: outside, class: "outside", "fill-rule": "evenodd" }))
  if (left > view[0] || top > view[1] || right < view[2] || bottom < view[3]) {
    drawing.append(s("rect", { x: left, y: top, width: right - left, height: bottom - top, class: "frame" }))
  }
}

function drawSafe(drawing: SVGElement, shown: readonly number[], platform: Platform, unit: number): void {
  const [left, top, right, bottom] = shown as [number, number, number, number]
  const [x0, y0, x1, y1] = platform.safe_area
  const [wide, high] = [right - left, bottom - top]
  const [a, b, c, d] = [left + x0 * wide, top + y0 * high, left + x1 * wide, top + y1 * high]
  drawing.append(s("path", { d: `M${left} ${top}H${right}V${bottom}H${left}zM${a} ${b}V${d}H${c}V${b}z`, class: "unsafe", "fill-rule": "evenodd" }))
  drawing.append(s("rect", { x: a, y: b, width: c - a, height: d - b, class: "safe", rx: 6 * unit }))
}

function drawFace(drawing: SVGElement, seen: Inspection, unit: number): void {
  if (seen.outline_px.length) drawing.append(s("polygon", { points: seen.outline_px.map((p) => p.join(",")).join(" "), class: "outline" }))
  for (const [left, top, right, bottom] of seen.faces_px as [number, number, number, number][]) {
    const arm = 0.16 * (right - left)
    const corners = [[left, top, 1, 1], [right, top, -1, 1], [right, bottom, -1, -1], [left, bottom, 1, -1]] as const
    const d = corners.map(([x, y, dx, dy]) => `M${x + dx * arm} ${y}H${x}V${y + dy * arm}`).join("")
    drawing.append(s("path", { d, class: "bracket", "stroke-width": 2 * unit }))
  }
}

/** Over each face its number, to be clicked or reached by keyboard. */
function faceButtons(seen: Inspection, view: readonly [number, number, number, number], options: StageOptions): HTMLElement[] {
  const [wide, high] = [view[2] - view[0], view[3] - view[1]]
  return (seen.faces_px as [number, number, number, number][]).map(([left, top, right, bottom], index) => {
    const chosen = options.chosenFace === index + 1
    const item = h("button", { type: "button", class: "face", "aria-pressed": String(chosen), "aria-label": chosen ? t("face_chosen", { n: index + 1 }) : t("face_n", { n: index + 1 }), onclick: () => options.onface(index + 1) }, h("span", {}, index + 1))
    item.style.left = `${(100 * (left - view[0])) / wide}%`
    item.style.top = `${(100 * (top - view[1])) / high}%`
    item.style.width = `${(100 * (right - left)) / wide}%`
    item.style.height = `${(100 * (bottom - top)) / high}%`
    return item
  })
}

/** A finished video, with the browser's own controls. */
export function videoPlayer(src: string, options: { poster?: string; loop?: boolean; autoplay?: boolean; label: string; kind?: string; captions?: string }): HTMLVideoElement {
  const video = h("video", { src, controls: true, playsInline: true, loop: options.loop ?? false, preload: "metadata", "aria-label": options.label, class: options.kind })
  if (options.poster) video.poster = options.poster
  if (options.captions) video.append(h("track", { kind: "captions", src: options.captions, label: t("captions"), default: true }))
  if (options.autoplay) video.autoplay = true
  return video
}

export function placeholder(place: Element, ...content: (Node | string | null)[]): void {
  replace(place, h("div", { class: "empty" }, ...content))
}
