// The language of the page, its words, and numbers as people read them.
import { en, type Key } from "./words_en"
import { zh } from "./words_zh"

export type Language = "en" | "zh"
export type { Key }

const stored = localStorage.getItem("language")
export let language: Language = stored === "en" || stored === "zh" ? stored : navigator.language.startsWith("zh") ? "zh" : "en"
document.documentElement.lang = language === "zh" ? "zh-CN" : "en"

/** Use another language from now on. */
export function setLanguage(wanted: Language): void {
  language = wanted
  localStorage.setItem("language", wanted)
  document.documentElement.lang = wanted === "zh" ? "zh-CN" : "en"
}

/** The words for a key; a key that nobody knows, as the server may send one, is itself. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const text = (language === "zh" ? zh : en)[key] ?? key
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

/** As t, for keys made of what the server says; the fallback where there are no words for it. */
export function told(key: string, fallback: string): string {
  return key in en ? t(key as Key) : fallback
}

/** 1:05, or 1:02:03. */
export function clock(seconds: number, tenths = false): string {
  const whole = tenths ? Math.floor(seconds * 10) / 10 : Math.round(seconds)
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60]
  const end = (tenths ? rest.toFixed(1) : String(rest)).padStart(tenths ? 4 : 2, "0")
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${end}` : `${minutes}:${end}`
}

export const size = (bytes: number): string => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`)

export const day = (iso: string): string => new Date(iso).toLocaleString(language === "zh" ? "zh-CN" : "en", { dateStyle: "medium", timeStyle: "short" })

export const number = (value: number): string => String(Math.round(value * 1000) / 1000)
