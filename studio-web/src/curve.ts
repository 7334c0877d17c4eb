// The plot of a quality report: mouth opening over loudness.
import type { Report } from "./api"
import { h, s } from "./dom"
import { t } from "./i18n"

const [WIDTH, HEIGHT, FOOT] = [800, 180, 24]

export function curve(report: Report): HTMLElement {
  const { opening, loudness, seconds } = report.curves
  const points = (values: number[]) => {
    const highest = Math.max(...values, 1e-6)
    return values.map((value, i): [number, number] => [(i / Math.max(1, values.length - 1)) * WIDTH, HEIGHT - (value / highest) * (HEIGHT - 8)])
  }
  const line = (values: number[]) => points(values).map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ")
  const ticks = Array.from({ length: 5 }, (_, i) => s("text", { x: (i / 4) * WIDTH, y: HEIGHT + FOOT - 6, "text-anchor": i === 0 ? "start" : i === 4 ? "end" : "middle", class: "tick" }, document.createTextNode(`${((i / 4) * seconds).toFixed(1)} s`)))
  const drawing = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + FOOT}`, class: "curve", role: "img", "aria-label": t("report_curve") },
    s("polygon", { points: `0,${HEIGHT} ${line(loudness)} ${WIDTH},${HEIGHT}`, class: "loudness" }), s("polyline", { points: line(opening), class: "opening" }), ...ticks)
  return h("figure", { class: "plot" }, drawing, h("figcaption", { class: "row wrap" }, h("span", { class: "key opening" }, t("opening")), h("span", { class: "key loudness" }, t("loudness"))))
}
