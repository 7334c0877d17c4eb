// Captions of a recording: a text that is written here, or a file of text or subtitles; beside the video or in it.
import { upload, type Media } from "./api"
import { ACCEPT, choose, segmented, uploaded } from "./common"
import { button, h, icon, replace, unique } from "./dom"
import { t } from "./i18n"
import { change, draft, page, type Said } from "./state"

export const isCaptions = (file: File): boolean => /\.(txt|srt|vtt)$/i.test(file.name)

/** Change what is known to be said in a recording; null: nothing. */
export function setSaid(speech: Media, said: Said | null): void {
  const captions = { ...draft.captions }
  if (said) captions[speech.id] = said
  else delete captions[speech.id]
  change({ captions })
}

/** Have a file chosen and uploaded, its progress in ``place``. */
export async function chooseSaid(speech: Media, place: HTMLElement, file: File | undefined = undefined): Promise<boolean> {
  const picked = file ?? (await choose(ACCEPT.captions))[0]
  const media = picked ? await uploaded("captions", picked, picked.name, place) : null
  if (media) setSaid(speech, { media })
  return media !== null
}

/** What a job of this recording says of its captions; a text is uploaded first, subtitles are those of the whole. */
export async function captionsOf(speech: Media, name: string, from_s: number): Promise<Record<string, string | number | boolean>> {
  const said = draft.captions[speech.id]
  const text = said?.text?.trim()
  const drawn = { burn_in: draft.drawn !== "", karaoke: draft.drawn === "karaoke" }
  if (said?.auto) return { captions: "auto", ...drawn }
  const media = said?.media ?? (text ? await upload("captions", new Blob([text]), `${name}.txt`, page.session.chunk_bytes, () => {}) : null)
  if (!media) return {}
  return { captions: media.id, captions_from_s: from_s, ...drawn }
}

/** The part of the card of a recording; it is open where there are captions. */
export function captionBox(speech: Media): HTMLElement {
  const body = h("div", { class: "fields" })
  const show = () => {
    const said = draft.captions[speech.id]
    const media = said?.media
    const id = unique("said")
    const text = h("textarea", { id, rows: 3, maxLength: 200_000, value: said?.text ?? "", "aria-describedby": `${id}-hint`, oninput: () => setSaid(speech, text.value ? { text: text.value } : null) })
    const pick = async () => { if (await chooseSaid(speech, body)) show() }
    const where: [string, string][] = [["", t("captions_beside")], ["burn_in", t("captions_drawn")], ["karaoke", t("captions_karaoke")]]
    const forget = () => { setSaid(speech, null); show() }
    replace(body,
      said?.auto ? h("div", { class: "row media-row" }, icon("text"), h("span", { class: "grow" }, t("captions_auto_hint")), button(t("remove"), forget, { icon: "close", bare: true, kind: "tiny" }))
        : media ? h("div", { class: "row media-row" }, icon("text"), h("strong", { class: "clip grow", title: media.name }, media.name), button(t("remove"), forget, { icon: "close", bare: true, kind: "tiny" }))
        : h("div", { class: "field" }, h("label", { for: id }, t("captions_text")), text, h("small", { id: `${id}-hint` }, t("captions_hint"))),
      h("div", { class: "row wrap" }, button(t("captions_file"), () => void pick(), { icon: "upload" }),
        page.session.recognises && !said?.auto ? button(t("captions_auto"), () => { setSaid(speech, { auto: true }); show() }, { icon: "mic" }) : null),
      h("div", { class: "field" }, h("span", { class: "label" }, t("captions_where")), segmented(t("captions_where"), where, draft.drawn, (drawn) => change({ drawn: drawn as typeof draft.drawn }))))
  }
  show()
  return h("details", { class: "more captions", open: speech.id in draft.captions }, h("summary", {}, t("captions_add")), body)
}
