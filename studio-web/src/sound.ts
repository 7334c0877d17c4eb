// A recording as a waveform: hearing it, marking a part of it; and recording one with the microphone.
import { address, get, type Media, type Sound } from "./api"
import { button, h, replace, toast } from "./dom"
import { noticeBox, tell } from "./common"
import { clock, t } from "./i18n"
import { change, draft, entry, set, value } from "./state"
import { why } from "./photo"

const MIN_PART_S = 0.3

/** The waveform of a recording with a player and two handles. */
export function waveform(media: Media): HTMLElement {
  const box = h("div", { class: "waveform", "aria-busy": "true" }, h("p", { class: "quiet" }, t("listening")))
  const track = entry("audio_track")
  const asked = track ? value(track) : null
  get<Sound>(`media/${media.id}/sound${asked ? `?track=${asked}` : ""}`).then(
    (sound) => { box.removeAttribute("aria-busy"); new Waveform(box, media, sound) },
    (error) => { tell(error); replace(box, h("p", { class: "quiet" }, t("kind_SpeechError"))) },
  )
  return box
}

class Waveform {
  private readonly audio: HTMLAudioElement
  private readonly canvas = h("canvas", { "aria-hidden": "true" })
  private readonly text = h("output", { class: "quiet" })
  private readonly handles: [HTMLElement, HTMLElement]
  private readonly player: HTMLButtonElement
  private part: [number, number]

  constructor(private readonly box: HTMLElement, media: Media, private readonly sound: Sound) {
    this.part = draft.trim ?? [0, sound.duration_s]
    this.audio = h("audio", { src: address(`media/${media.id}/file`), preload: "metadata", ontimeupdate: () => this.follow(), onended: () => this.draw(), onplay: () => this.show(), onpause: () => this.show() })
    this.player = button(t("play"), () => this.play(), { icon: "play", bare: true, kind: "round" })
    this.handles = [this.handle(0), this.handle(1)]
    const strip = h("div", { class: "strip", onclick: (event: MouseEvent) => this.jump(event) }, this.canvas, ...this.handles)
    replace(box, this.audio, h("div", { class: "row" }, this.player, strip), h("div", { class: "row spread" }, this.text, this.tracks()), noticeBox(t("notices"), sound.notices))
    new ResizeObserver(() => this.draw()).observe(strip)
    this.show()
  }

  private tracks(): HTMLElement | null {
    const setting = entry("audio_track")
    if (!setting || this.sound.tracks.length < 2) return null
    const options = [...this.sound.tracks].sort((a, b) => a.number - b.number).map((each) => h("option", { value: String(each.number), selected: each.number === this.sound.track }, `${each.number} ${each.title}`))
    return h("label", { class: "inline" }, t("track"), h("select", { onchange: (event: Event) => set(setting, Number((event.target as HTMLSelectElement).value)) }, options))
  }

  private handle(end: 0 | 1): HTMLElement {
    const item = h("div", { class: "handle", role: "slider", tabIndex: 0, "aria-label": t(end ? "trim_end" : "trim_start"), "aria-valuemin": 0, "aria-valuemax": this.sound.duration_s })
    item.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.1, ArrowDown: -0.1, ArrowRight: 0.1, ArrowUp: 0.1, PageDown: -1, PageUp: 1, Home: -1e9, End: 1e9 }[event.key]
      if (step === undefined) return
      event.preventDefault()
      this.move(end, this.part[end] + step)
      this.keep()
    })
    item.addEventListener("pointerdown", (event) => {
      event.preventDefault()
      item.setPointerCapture(event.pointerId)
      const follow = (at: PointerEvent) => this.move(end, this.time(at.clientX))
      item.addEventListener("pointermove", follow)
      item.addEventListener("pointerup", () => { item.removeEventListener("pointermove", follow); this.keep() }, { once: true })
    })
    item.addEventListener("click", (event) => event.stopPropagation())
    return item
  }

  private time(x: number): number {
    const place = this.canvas.getBoundingClientRect()
    return ((x - place.left) / place.width) * this.sound.duration_s
  }

  private move(end: 0 | 1, to: number): void {
    const [start, stop] = this.part
    const bounded = end ? Math.min(Math.max(to, start + MIN_PART_S), this.sound.duration_s) : Math.max(Math.min(to, stop - MIN_PART_S), 0)
    this.part[end] = Math.round(bounded * 100) / 100
    this.show()
  }

  private keep(): void {
    const whole = this.part[0] <= 0 && this.part[1] >= this.sound.duration_s - 0.005
    change({ trim: whole ? null : [...this.part] })
  }

  private play(): void {
    if (!this.audio.paused) return this.audio.pause()
    if (this.audio.currentTime < this.part[0] || this.audio.currentTime >= this.part[1] - 0.05) this.audio.currentTime = this.part[0]
    this.audio.play().catch(tell)
  }

  private jump(event: MouseEvent): void {
    this.audio.currentTime = this.time(event.clientX)
    this.draw()
  }

  private follow(): void {
    if (this.audio.currentTime >= this.part[1]) this.audio.pause()
    this.draw()
  }

  private show(): void {
    const [start, stop] = this.part
    const whole = clock(this.sound.duration_s, true)
    this.text.textContent = stop - start < this.sound.duration_s - 0.005 ? t("trimmed", { part: clock(stop - start, true), whole }) : whole
    for (const end of [0, 1] as const) {
      this.handles[end].style.left = `${(100 * this.part[end]) / this.sound.duration_s}%`
      this.handles[end].setAttribute("aria-valuenow", String(this.part[end]))
      this.handles[end].setAttribute("aria-valuetext", clock(this.part[end], true))
    }
    const label = this.audio.paused ? t("play") : t("pause")
    const fresh = button(label, () => this.play(), { icon: this.audio.paused ? "play" : "pause", bare: true, kind: "round" })
    this.player.setAttribute("aria-label", label)
    this.player.title = label
    this.player.replaceChildren(...fresh.childNodes)
    this.draw()
  }

  private draw(): void {
    const { width, height } = this.canvas.getBoundingClientRect()
    if (!width || !this.box.isConnected) return
    const scale = devicePixelRatio
    Object.assign(this.canvas, { width: width * scale, height: height * scale })
    const brush = this.canvas.getContext("2d")
    if (!brush) return
    brush.scale(scale, scale)
    const { color: accent, borderTopColor: faint, outlineColor: text } = getComputedStyle(this.canvas)
    const bars = Math.max(1, Math.floor(width / 4))
    const loudest = Math.max(0.05, ...this.sound.peaks)
    for (let bar = 0; bar < bars; bar++) {
      const peak = Math.max(...this.sound.peaks.slice(Math.floor((bar * this.sound.peaks.length) / bars), Math.max(1, Math.ceil(((bar + 1) * this.sound.peaks.length) / bars))))
      const at = ((bar + 0.5) / bars) * this.sound.duration_s
      brush.fillStyle = at >= this.part[0] && at <= this.part[1] ? accent : faint
      const tall = Math.max(2, (peak / loudest) * (height - 8))
      brush.beginPath()
      brush.roundRect((bar * width) / bars, (height - tall) / 2, 2.5, tall, 1.25)
      brush.fill()
    }
    if (this.audio.currentTime > 0) {
      brush.fillStyle = text
      brush.fillRect((this.audio.currentTime / this.sound.duration_s) * width - 0.75, 0, 1.5, height)
    }
  }
}

/** Record with the microphone in ``place``, with a level meter, until it is stopped; null where that cannot be. */
export async function recordSound(place: HTMLElement): Promise<File | null> {
  let stream: MediaStream
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: true, autoGainControl: false } })
  } catch (error) {
    toast(t("mic_none", { why: why(error) }), "error")
    return null
  }
  const context = new AudioContext()
  const analyser = context.createAnalyser()
  context.createMediaStreamSource(stream).connect(analyser)
  const recorder = new MediaRecorder(stream)
  const parts: Blob[] = []
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data))
  const meter = h("meter", { min: 0, max: 1, high: 0.9, optimum: 0.4, low: 0.02, "aria-label": t("level") })
  const time = h("output", { class: "number" }, "0:00")
  const began = performance.now()
  const box = h("div", { class: "recorder" }, h("span", { class: "lamp", "aria-hidden": "true" }), h("span", {}, t("recording_now")), time, meter, button(t("stop"), () => recorder.stop(), { kind: "primary", icon: "stop" }))
  place.append(box)
  const samples = new Float32Array(analyser.fftSize)
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples)
    meter.value = Math.min(1, Math.max(...samples.map(Math.abs)))
    time.textContent = clock((performance.now() - began) / 1000)
  }, 80)
  recorder.start(1000)
  await new Promise((resolve) => recorder.addEventListener("stop", resolve))
  clearInterval(timer)
  for (const track of stream.getTracks()) track.stop()
  void context.close()
  box.remove()
  const suffix = recorder.mimeType.includes("mp4") ? "m4a" : recorder.mimeType.includes("ogg") ? "ogg" : "webm"
  return new File(parts, `recording-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.${suffix}`, { type: recorder.mimeType })
}
