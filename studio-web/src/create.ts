// The view in which a video is made: the stage, and the steps beside it.
import { address, Failure, finished, get, onJob, post, type Inspection, type Job, type Media } from "./api"
import { announce, button, fill, h, icon, replace, toast } from "./dom"
import { ACCEPT, choose, dropZone, failureBox, failureText, noticeBox, segmented, tell, toggle, uploaded } from "./common"
import { captionBox, captionsOf, chooseSaid, isCaptions } from "./captions"
import { consentCard, offered, stateConsent } from "./consent"
import { mainControls, otherControls } from "./controls"
import { clock, t, told } from "./i18n"
import { takePicture } from "./photo"
import { recordSound, waveform } from "./sound"
import { photoStage, videoPlayer } from "./stage"
import { change, draft, entry, onChange, page, platform, set, value, wanted, type Draft } from "./state"

const FRAMES = ["framing", "expand_ratio", "face", "min_resolution"]
const PREVIEW_AFTER_MS = 700

/** The view; ``go`` shows another one. */
export function createView(go: (hash: string) => void, signal: AbortSignal): HTMLElement {
  return new Create(go, signal).element
}

class Create {
  readonly element: HTMLElement
  private readonly stage = h("div", { class: "stage-body" })
  private readonly tools = h("div", { class: "stage-tools" })
  private readonly foot = h("div", { class: "stage-foot" })
  private readonly portrait = h("div", { class: "card-body" })
  private readonly recording = h("div", { class: "card-body" })
  private readonly consents = h("div", { class: "card-body" })
  private readonly look = h("div", { class: "card-body" })
  private readonly order = h("div", { class: "order" })
  private seen: Inspection | null = null
  private bad: Failure | null = null
  private preview: Job | null = null
  private mode: "photo" | "preview" = "photo"
  private analysis = true
  private live = localStorage.getItem("live_preview") !== "off"
  private timer = 0
  private face: number | null = null
  private asked = 0

  constructor(private readonly go: (hash: string) => void, private readonly signal: AbortSignal) {
    const card = (step: number, title: string, hint: string, body: HTMLElement) => h("section", { class: "card", "aria-label": title, "data-step": step }, h("header", {}, h("h2", {}, title), h("p", { class: "quiet" }, hint)), body)
    this.element = h("div", { class: "create" },
      h("section", { class: "stage", "aria-label": t("preview_view") }, this.tools, this.stage, this.foot),
      h("div", { class: "panel" },
        card(1, t("portrait"), t("portrait_hint"), this.portrait), card(2, t("recording"), t("recording_hint"), this.recording),
        card(3, t("consent"), t("consent_hint"), this.consents), card(4, t("look"), "", this.look), this.order))
    dropZone(this.element, (files) => void this.dropped(files))
    onChange((what) => this.changed(what))
    this.showLook()
    this.showRecording()
    this.photoChanged()
  }

  private changed(what: Set<keyof Draft>): void {
    if ([...what].every((name) => name === "captions" || name === "drawn")) return
    if (what.has("photo")) this.photoChanged()
    if (what.has("speech") || what.has("others")) this.showRecording()
    if (what.has("consent")) void this.showConsents()
    if (what.has("settings") && faceNumber() !== this.face) void this.showConsents()
    if (what.has("preset") || what.has("platform")) this.showLook()
    if (what.has("settings") || what.has("preset") || what.has("platform")) void this.inspect()
    this.showOrder()
    this.schedule()
  }

  private async dropped(files: File[]): Promise<void> {
    const photo = files.find((file) => file.type.startsWith("image/"))
    const texts = files.filter(isCaptions)
    const sounds = files.filter((file) => !texts.includes(file) && !file.type.startsWith("image/"))
    await Promise.all([photo ? this.takePhoto(photo) : null, sounds.length ? this.takeSounds(sounds) : null])
    for (const file of texts) await this.takeCaptions(file)
  }

  // Portrait

  private photoChanged(): void {
    this.seen = this.bad = this.preview = null
    this.mode = "photo"
    this.showPortrait()
    this.showStage()
    this.showOrder()
    void this.inspect()
    void this.showConsents()
  }

  private async takePhoto(file: File | null): Promise<void> {
    if (!file) return
    const media = await uploaded("photo", file, file.name, this.portrait)
    if (!media) return
    const face = entry("face")
    const settings = { ...draft.settings }
    if (face) delete settings[face.name]
    change({ photo: media, consent: null, settings })
  }

  private showPortrait(): void {
    const pick = async () => this.takePhoto((await choose(ACCEPT.photo))[0] ?? null)
    const shoot = async () => this.takePhoto(await takePicture())
    const photo = draft.photo
    const actions = h("div", { class: "row wrap" }, button(t(photo ? "change" : "choose_photo"), () => void pick(), { icon: "upload" }), button(t("take_photo"), () => void shoot(), { icon: "camera" }))
    const row = photo ? h("div", { class: "row media-row" }, h("img", { class: "thumb", src: address(`media/${photo.id}/picture?px=96`), alt: "" }), h("div", { class: "grow" }, h("strong", { class: "clip", title: photo.name }, photo.name), h("span", { class: "quiet" }, `${photo.about.width} × ${photo.about.height}`))) : null
    replace(this.portrait, row, this.findings(), actions)
  }

  private findings(): HTMLElement | null {
    if (!draft.photo) return null
    if (this.bad) return failureBox(this.bad)
    if (!this.seen) return h("p", { class: "quiet", "aria-busy": "true" }, t("looking"))
    if (this.isUndecided()) return h("div", { class: "notice warn" }, icon("face"), h("p", {}, t("faces_found", { n: this.seen.n_faces })))
    if (!this.seen.video_px) return noticeBox(t("photo_bad"), this.seen.notices)
    if (this.seen.notices.length) return noticeBox(t("photo_notes"), this.seen.notices)
    return h("p", { class: "notice good" }, icon("check"), h("span", {}, t("photo_good")))
  }

  /** Whether nobody has said yet which of several faces speaks. */
  private isUndecided(): boolean {
    return this.seen !== null && this.seen.n_faces > 1 && !this.seen.video_px && faceNumber() === null
  }

  private async inspect(): Promise<void> {
    const photo = draft.photo
    if (!photo) return
    const turn = ++this.asked
    const was = this.bad
    const query = new URLSearchParams()
    for (const name of FRAMES) {
      const setting = entry(name)
      const now = setting ? value(setting) : null
      if (now !== null) query.set(name, String(now))
    }
    try {
      const seen = await get<Inspection>(`media/${photo.id}/inspection?${query}`)
      if (turn !== this.asked) return
      ;[this.seen, this.bad] = [seen, null]
    } catch (error) {
      if (turn !== this.asked) return
      if (error instanceof Failure && error.status === 404) return change({ photo: null, consent: null })
      ;[this.seen, this.bad] = [null, error instanceof Failure ? error : null]
    }
    this.showPortrait()
    if (this.isUndecided() || this.bad || was) void this.showConsents()
    if (this.mode === "photo") this.showStage()
    else this.showFraming()
    this.showOrder()
    this.schedule()
  }

  private async demo(): Promise<void> {
    try {
      change(await post<Pick<Draft, "photo" | "speech" | "consent">>("demo"))
    } catch (error) {
      tell(error)
    }
  }

  // Recording

  private async takeSounds(files: File[]): Promise<void> {
    for (const file of files) {
      const media = await uploaded("speech", file, file.name, this.recording)
      if (!media) continue
      if (draft.speech) change({ others: [...draft.others, media] })
      else change({ speech: media, trim: null })
    }
  }

  /** Captions of the recording that is called as they are, else of the first. */
  private async takeCaptions(file: File): Promise<void> {
    const speech = [draft.speech, ...draft.others].find((each) => each && stem(each.name) === stem(file.name)) ?? draft.speech
    if (!speech) return toast(t("missing_sound"), "error")
    if (await chooseSaid(speech, this.recording, file)) this.showRecording()
  }

  private showRecording(): void {
    const pick = async () => this.takeSounds(await choose(ACCEPT.speech, true))
    const record = async () => {
      const file = await recordSound(this.recording)
      if (file) await this.takeSounds([file])
    }
    const row = (media: Media, remove: () => void) => h("div", { class: "row media-row" }, icon("wave"), h("div", { class: "grow" }, h("strong", { class: "clip", title: media.name }, media.name), h("span", { class: "quiet" }, clock(media.about.duration_s ?? 0, true))), button(t("remove"), remove, { icon: "close", bare: true, kind: "tiny" }))
    const said = (media: Media) => button(draft.captions[media.id]?.media?.name ?? t("captions_add"), () => void chooseSaid(media, this.recording).then((done) => { if (done) this.showRecording() }), { icon: "text", kind: "small quiet" })
    const { speech, others } = draft
    const drop = () => change({ speech: others[0] ?? null, others: others.slice(1), trim: null })
    replace(this.recording,
      speech ? [row(speech, drop), waveform(speech), captionBox(speech)] : null,
      others.length ? [h("p", { class: "quiet" }, t("several", { n: others.length })), others.map((each) => [row(each, () => change({ others: draft.others.filter((other) => other.id !== each.id) })), said(each)])] : null,
      h("div", { class: "row wrap" }, button(t(speech ? "more_recordings" : "choose_sound"), () => void pick(), { icon: "upload" }), button(t("record"), () => void record(), { icon: "mic" })))
  }

  // Consent

  private async showConsents(): Promise<void> {
    const photo = draft.photo
    if (!photo) return replace(this.consents, h("p", { class: "quiet" }, t("missing_photo")))
    this.face = faceNumber()
    if (this.isUndecided()) return replace(this.consents, h("p", { class: "quiet" }, t("face_first")))
    if (this.bad) return replace(this.consents, h("p", { class: "quiet" }, t("other_photo")))
    const list = await offered(photo, this.face).catch(() => [])
    if (draft.photo?.id !== photo.id || this.isUndecided() || this.bad) return
    const current = list.find((each) => each.id === draft.consent?.id) ?? null
    if (draft.consent && !current) return change({ consent: null })
    const make = async () => {
      const consent = await stateConsent(photo, faceNumber()).catch((error) => (tell(error), null))
      if (consent) change({ consent })
    }
    const others = list.filter((each) => each.id !== current?.id).slice(0, 3)
    replace(this.consents,
      current ? consentCard(current, h("span", { class: "badge good" }, icon("check"), t("consent_in_use"))) : null,
      current ? null : others.map((each) => consentCard(each, button(t("consent_use"), () => change({ consent: each }), { kind: "primary small" }))),
      h("div", { class: "row" }, button(t(list.length ? "consent_new" : "consent_make"), () => void make(), { icon: "shield", kind: list.length ? "" : "primary" })))
  }

  // Look

  private showLook(): void {
    const engine = entry("engine")
    const order = ["fast", "quality", ...Object.keys(page.catalogue.presets)]
    const presets: [string, string][] = [["", t("preset_none")], ...[...new Set(order)].filter((name) => name in page.catalogue.presets).map((name): [string, string] => [name, told(`preset_${name}`, name)])]
    const platforms = page.catalogue.platforms
    const chosenEngine = String(engine ? value(engine) : "light")
    const all = h("details", { class: "more" }, h("summary", {}, t("more_settings")))
    all.addEventListener("toggle", () => { if (all.open && all.childElementCount === 1) fill(all, otherControls(chosenEngine)) })
    const changed = Object.keys(draft.settings).length
    replace(this.look,
      h("div", { class: "field" }, h("span", { class: "label" }, t("preset")), segmented(t("preset"), presets, draft.preset, (preset) => change({ preset }))),
      platforms.length ? h("label", { class: "field" }, h("span", { class: "label" }, t("platform")), h("select", { onchange: (event: Event) => change({ platform: (event.target as HTMLSelectElement).value }) }, h("option", { value: "" }, t("platform_none")), platforms.map((each) => h("option", { value: each.id, selected: each.id === draft.platform }, `${each.title} · ${each.width} × ${each.height}`))), platform()?.declare ? h("small", {}, platform()?.declare) : null) : null,
      h("div", { class: "controls" }, mainControls(chosenEngine)), all,
      changed ? button(t("reset_all"), () => { change({ settings: {} }); this.showLook() }, { icon: "reset", kind: "quiet" }) : null)
  }

  // Stage

  private showStage(): void {
    const photo = draft.photo
    if (!photo) {
      replace(this.tools)
      replace(this.foot)
      const pick = async () => this.takePhoto((await choose(ACCEPT.photo))[0] ?? null)
      return replace(this.stage, h("div", { class: "empty first" }, icon("person"), h("h1", {}, t("drop_photo")), h("p", {}, t("or_choose")), h("div", { class: "row wrap center" }, button(t("choose_photo"), () => void pick(), { kind: "primary", icon: "upload" }), button(t("try_demo"), () => void this.demo(), { icon: "spark" })), h("p", { class: "quiet" }, t("example_note"))))
    }
    const modes: [string, string][] = [["photo", t("photo_view")], ["preview", t("preview_view")]]
    replace(this.tools, segmented(t("preview_view"), modes, this.mode, (mode) => { this.mode = mode as "photo" | "preview"; this.showStage(); if (mode === "preview" && !this.preview) void this.makePreview() }),
      h("div", { class: "row" }, this.mode === "photo" ? toggle(t("show_analysis"), this.analysis, (on) => { this.analysis = on; this.showStage() }) : null, toggle(t("live_preview"), this.live, (on) => { this.live = on; localStorage.setItem("live_preview", on ? "on" : "off"); if (on) this.schedule() })))
    if (this.mode === "photo") {
      const face = entry("face")
      const chosenFace = face ? (value(face) as number | null) : null
      replace(this.stage, photoStage(photo, this.seen, { analysis: this.analysis, platform: platform(), chosenFace, onface: (number) => face && set(face, number) }))
    } else this.showPreview()
    this.showFraming()
  }

  private showFraming(): void {
    const framing = entry("framing")
    if (!framing) return
    const names = framing.choices.map((each): [string, string] => [each, told(`framing_${each}`, each)])
    const size = this.seen?.video_px
    replace(this.foot, segmented(framing.label, names, String(value(framing)), (wish) => set(framing, wish)), size ? h("span", { class: "quiet number" }, `${size[0]} × ${size[1]}`) : null)
  }

  private showPreview(): void {
    const made = this.preview
    if (!draft.speech || !draft.consent) return replace(this.stage, h("div", { class: "empty" }, icon("spark"), h("p", {}, t("preview_needs"))))
    if (made?.state === "done") {
      const player = videoPlayer(address(`jobs/${made.id}/video`), { loop: true, autoplay: true, label: t("preview_label"), kind: "preview" })
      return replace(this.stage, h("div", { class: "fitted" }, player), h("p", { class: "caption" }, t("preview_label")))
    }
    if (made?.state === "failed" && made.error) return replace(this.stage, h("div", { class: "empty" }, failureBox(made.error)))
    replace(this.stage, h("div", { class: "empty", "aria-busy": "true" }, h("div", { class: "spinner", "aria-hidden": "true" }), h("p", {}, t("preview_wait"))))
  }

  private schedule(): void {
    clearTimeout(this.timer)
    if (!this.live || !draft.photo || !draft.speech || !draft.consent || !this.seen?.video_px) return
    this.timer = window.setTimeout(() => void this.makePreview(), PREVIEW_AFTER_MS)
  }

  private async makePreview(): Promise<void> {
    const { photo, speech, consent } = draft
    if (this.signal.aborted || !photo || !speech || !consent) return
    try {
      const part = await this.part(speech)
      const job = await post<Job>("previews", { photo: photo.id, speech: part, consent: consent.id, preset: draft.preset || null, settings: wanted() })
      this.preview = job
      if (this.mode === "preview") this.showPreview()
      const made = await finished(job.id)
      if (this.preview?.id !== job.id || this.signal.aborted || made.state === "cancelled") return
      this.preview = made
      if (made.state === "done") {
        this.mode = "preview"
        this.showStage()
        announce(t("preview_label"))
      } else if (this.mode === "preview") this.showPreview()
    } catch (error) {
      if (!(error instanceof Failure) || ![404, 0].includes(error.status)) tell(error)
    }
  }

  // Order

  private showOrder(): void {
    const missing = this.isUndecided() ? t("face_first") : !draft.photo ? t("missing_photo") : (this.seen && !this.seen.video_px) || this.bad ? t("other_photo") : !draft.speech ? t("missing_sound") : !draft.consent ? t("missing_consent") : ""
    const n = 1 + draft.others.length
    const make = button(n > 1 ? t("generate_n", { n }) : t("generate"), () => void this.generate(make), { kind: "primary large", icon: "spark", disabled: Boolean(missing), id: "generate" })
    replace(this.order, h("p", { class: "quiet" }, missing || t("ready")), make)
  }

  private async generate(pressed: HTMLButtonElement): Promise<void> {
    const { photo, speech, consent } = draft
    if (!photo || !speech || !consent) return
    pressed.disabled = true
    try {
      const jobs: Job[] = []
      for (const each of [speech, ...draft.others]) {
        const part = each.id === speech.id ? await this.part(each) : each.id
        jobs.push(await post<Job>("jobs", { photo: photo.id, speech: part, consent: consent.id, preset: draft.preset || null, settings: wanted(), title: `${stem(photo.name)} – ${stem(each.name)}`, ...(await captionsOf(each, stem(each.name), each.id === speech.id ? draft.trim?.[0] ?? 0 : 0)) }))
      }
      change({ others: [] })
      this.go(jobs.length === 1 && jobs[0] ? `#/videos/${jobs[0].id}` : "#/videos")
    } catch (error) {
      toast(failureText(error), "error")
      pressed.disabled = false
    }
  }

  /** The id of the part that was marked on the waveform, made once. */
  private async part(speech: Media): Promise<string> {
    if (!draft.trim) return speech.id
    const [start_s, end_s] = draft.trim
    const key = `${speech.id} ${start_s} ${end_s}`
    const track = entry("audio_track")
    const made = cuts.get(key) ?? (await post<Media>(`media/${speech.id}/cut`, { start_s, end_s, track: track ? value(track) : null })).id
    cuts.set(key, made)
    return made
  }
}

const faceNumber = (): number | null => {
  const face = entry("face")
  return face ? (value(face) as number | null) : null
}

const cuts = new Map<string, string>()

export const stem = (name: string): string => name.replace(/\.[^.]{1,8}$/, "") || name

export { onJob }
