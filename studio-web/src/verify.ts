// What any file is: its verdict, and each layer.
import { call, finished, post, type Job, type Media, type Verified } from "./api"
import { announce, button, h, icon, replace } from "./dom"
import { ACCEPT, choose, dropZone, failureBox, noticeBox, tell, uploaded } from "./common"
import { t, told } from "./i18n"
import { share } from "./jobs"

const TONES: Record<string, string> = { intact: "good", "unknown signer": "warn", marked: "warn", "other tool": "warn", nothing: "plain", changed: "bad", contradictory: "bad" }

export function verifyView(signal: AbortSignal): HTMLElement {
  const body = h("div", {})
  const zone = h("section", { class: "drop", "aria-label": t("verify_drop") })
  const view = h("div", { class: "page narrow" }, h("h1", {}, t("verify_title")), h("p", { class: "lead" }, t("verify_hint")), zone, body)
  const pick = async () => look((await choose(ACCEPT.video))[0])
  const look = async (file: File | undefined) => {
    if (!file) return
    replace(body)
    const media = await uploaded("video", file, file.name, zone)
    if (media && !signal.aborted) await judge(media, body)
  }
  replace(zone, icon("shield"), h("h2", {}, t("verify_drop")), button(t("verify_choose"), () => void pick(), { kind: "primary", icon: "upload" }))
  dropZone(view, (files) => void look(files[0]))
  return view
}

async function judge(media: Media, body: HTMLElement): Promise<void> {
  const bar = h("progress", { max: 1, "aria-label": t("verifying") })
  replace(body, h("div", { class: "card", "aria-busy": "true" }, h("p", {}, t("verifying")), bar))
  try {
    const made = await finished((await post<Job>("verifications", { media: media.id })).id, (job) => { const at = share(job); if (at !== null) bar.value = at })
    replace(body, made.error ? failureBox(made.error) : verdict(media, made.result as Verified))
    announce(body.querySelector("h2")?.textContent ?? "")
  } catch (error) {
    replace(body)
    tell(error)
  } finally {
    void call("DELETE", `media/${media.id}`).catch(() => {})
  }
}

function verdict(media: Media, found: Verified): HTMLElement {
  const tone = TONES[found.verdict] ?? "plain"
  const layers = found.layers.map((layer) => h("li", { class: `layer ${layer.state.replaceAll(" ", "-")}` }, h("div", { class: "row spread" }, h("strong", {}, told(`layer_${layer.name}`, layer.title)), h("span", { class: "badge" }, told(`state_${layer.state}`, layer.state))), h("p", {}, layer.found), layer.proves ? h("p", { class: "quiet" }, layer.proves) : null))
  return h("section", { class: "card verdict" }, h("div", { class: `headline ${tone}` }, icon(tone === "good" ? "check" : tone === "plain" ? "search" : "warn"), h("div", {}, h("h2", {}, told(`verdict_${found.verdict}`, found.verdict)), h("p", {}, found.headline), h("p", { class: "quiet clip", title: media.name }, media.name))), noticeBox(t("verdict_contradictory"), found.conflicts), h("ul", { class: "layers" }, layers))
}
