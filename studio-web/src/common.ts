// Pieces that several views share: failures, drop zones, uploads, dialogs.
import { Failure, upload, type Media } from "./api"
import { button, fill, h, icon, toast, unique } from "./dom"
import { language, size, t, told } from "./i18n"
import { entry, page } from "./state"

/** What went wrong, in the user's language as far as it is known, and the server's own words. */
export function failureText(error: unknown): string {
  if (error instanceof DOMException && error.name === "AbortError") return ""
  if (!(error instanceof Failure)) return String(error instanceof Error ? error.message : error)
  if (error.status === 0) return t("offline")
  const kind = told(`kind_${error.kind}`, "")
  return kind ? `${kind}${language === "zh" ? "：" : ": "}${error.message}` : error.message
}

export function tell(error: unknown): void {
  const text = failureText(error)
  if (text) toast(text, "error")
}

/** What went wrong, where it belongs. */
export function failureBox(error: { kind: string; message: string }): HTMLElement {
  return h("div", { class: "notice error", role: "alert" }, icon("warn"), h("div", {}, h("strong", {}, told(`kind_${error.kind}`, t("error_kind"))), h("p", {}, error.message)))
}

export function noticeBox(title: string, lines: string[]): HTMLElement | null {
  if (!lines.length) return null
  return h("div", { class: "notice warn" }, icon("warn"), h("div", {}, h("strong", {}, title), h("ul", {}, lines.map((line) => h("li", {}, named(line))))))
}

/** A notice that begins with the name of a setting begins with its label. */
const named = (line: string): string => line.replace(/^\w+(?= )/, (name) => entry(name)?.label ?? name)

export const ACCEPT = { photo: "image/*", speech: "audio/*,video/*,.mka,.amr,.opus", captions: ".txt,.srt,.vtt", video: "video/*,image/*,audio/*", evidence: "" }

/** Have a file chosen. */
export function choose(accept: string, multiple = false): Promise<File[]> {
  return new Promise((resolve) => {
    const input = h("input", { type: "file", accept, multiple, onchange: () => resolve([...(input.files ?? [])]), oncancel: () => resolve([]) })
    input.click()
  })
}

/** Where files can be dropped; the whole element takes them. */
export function dropZone(element: HTMLElement, ondrop: (files: File[]) => void): void {
  let depth = 0
  const over = (on: boolean) => element.classList.toggle("over", on)
  element.addEventListener("dragenter", (event) => { event.preventDefault(); depth++; over(true) })
  element.addEventListener("dragover", (event) => event.preventDefault())
  element.addEventListener("dragleave", () => { if (--depth <= 0) { depth = 0; over(false) } })
  element.addEventListener("drop", (event) => {
    event.preventDefault()
    depth = 0
    over(false)
    const files = [...(event.dataTransfer?.files ?? [])]
    if (files.length) ondrop(files)
  })
}

/** Upload with a bar in ``place`` that can be stopped. Failures are told; null then. */
export async function uploaded(kind: string, file: Blob, name: string, place: HTMLElement): Promise<Media | null> {
  const most = page.session.upload_bytes[kind] ?? Infinity
  if (file.size > most) {
    toast(t("too_large", { name, size: size(file.size), most: size(most) }), "error")
    return null
  }
  const stop = new AbortController()
  const bar = h("progress", { max: 1, value: 0, "aria-label": t("uploading", { name }) })
  const box = h("div", { class: "uploading" }, h("span", { class: "name" }, t("uploading", { name })), bar, button(t("cancel"), () => stop.abort(), { bare: true, icon: "close" }))
  fill(place, box)
  try {
    return await upload(kind, file, name, page.session.chunk_bytes, (share) => (bar.value = share), stop.signal)
  } catch (error) {
    tell(error)
    return null
  } finally {
    box.remove()
  }
}

/** A dialog over the page; resolves when it is closed, by whatever. */
export function dialog(title: string, build: (close: () => void) => (Node | null)[], kind = ""): Promise<void> {
  const id = unique("dialog")
  const box = h("dialog", { class: kind, "aria-labelledby": id })
  const close = () => box.close()
  box.append(h("header", {}, h("h2", { id }, title), button(t("close"), close, { bare: true, icon: "close" })))
  fill(box, ...build(close))
  document.body.append(box)
  box.showModal()
  return new Promise((resolve) => box.addEventListener("close", () => { box.remove(); resolve() }))
}

/** Ask before what cannot be undone. */
export async function sure(question: string, yes: string): Promise<boolean> {
  let answer = false
  await dialog(question, (close) => [h("div", { class: "row end" }, button(t("cancel"), close), button(yes, () => { answer = true; close() }, { kind: "danger" }))], "small")
  return answer
}

/** A choice of few, as connected buttons. */
export function segmented(label: string, options: [string, string][], chosen: string, onchoose: (value: string) => void): HTMLElement {
  const name = unique("choice")
  return h("div", { class: "segmented", role: "radiogroup", "aria-label": label }, options.map(([value, text]) => {
    const input = h("input", { type: "radio", name, value, checked: value === chosen, onchange: () => onchoose(value) })
    return h("label", {}, input, h("span", {}, text))
  }))
}

export function toggle(text: string, on: boolean, onchange: (on: boolean) => void): HTMLElement {
  const input = h("input", { type: "checkbox", role: "switch", checked: on, onchange: () => onchange(input.checked) })
  return h("label", { class: "toggle" }, input, h("span", {}, text))
}
