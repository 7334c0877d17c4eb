// Consent in plain words: those that hold for a photo, and the form for another.
import { get, post, type Consent, type Media, type Terms } from "./api"
import { button, fill, h, icon, replace, toast, unique } from "./dom"
import { choose, dialog, failureText, uploaded } from "./common"
import { t, told } from "./i18n"

export const basisText = (basis: string): string => told(`basis_${basis}`, basis)

/** One consent as a card. */
export function consentCard(consent: Consent, action: Node | null): HTMLElement {
  const limits = [consent.expires_on ? t("until", { day: consent.expires_on }) : t("never"), ...(consent.languages ?? []), ...(consent.purposes ?? [])]
  return h("div", { class: "consent-card" }, icon("shield"), h("div", { class: "grow" }, h("strong", { class: "clip", title: consent.subject }, consent.subject), h("span", { class: "quiet" }, `${basisText(consent.basis)} · ${limits.join(" · ")}`)), action)
}

/** The consents that hold for this photo today. */
export const offered = async (photo: Media, face: number | null): Promise<Consent[]> => (await get<{ consents: Consent[] }>(`consents?photo=${photo.id}${face ? `&face=${face}` : ""}`)).consents

/** The form; the signed consent, or null. */
export async function stateConsent(photo: Media, face: number | null): Promise<Consent | null> {
  const terms = await get<Terms>("consents/terms")
  let made: Consent | null = null
  await dialog(t("consent_make"), (close) => [new Form(photo, face, terms, (consent) => { made = consent; close() }, close).element], "form")
  return made
}

class Form {
  readonly element: HTMLFormElement
  private readonly values: Record<string, string> = { basis: "" }
  private evidence: Media | null = null
  private readonly statement = h("p", { class: "statement" })
  private readonly proof = h("div", { class: "fields" })
  private readonly problem = h("p", { class: "problem", role: "alert" })
  private readonly confirm = h("input", { type: "checkbox", required: true })

  constructor(private readonly photo: Media, private readonly face: number | null, private readonly terms: Terms, private readonly ondone: (consent: Consent) => void, cancel: () => void) {
    this.element = h("form", { onsubmit: (event: Event) => { event.preventDefault(); void this.send() } },
      this.field("subject", face ? t("subject_face", { n: face }) : t("subject"), t("subject_hint"), { autocomplete: "name", maxLength: 200 }),
      this.grounds(), this.proof,
      h("details", {}, h("summary", {}, t("limits")), h("div", { class: "fields" },
        this.field("languages", t("languages"), t("languages_hint")), this.field("purposes", t("purposes"), t("purposes_hint")),
        this.field("expires_on", t("expires"), "", { type: "date" }))),
      this.statement, h("label", { class: "check" }, this.confirm, h("span", {}, t("confirm"))), this.problem,
      h("footer", { class: "row end" }, button(t("cancel"), cancel), h("button", { type: "submit", class: "button primary" }, h("span", {}, t("sign")))))
    this.show()
  }

  private field(name: string, label: string, hint: string, options: Record<string, unknown> = {}): HTMLElement {
    const id = unique(name)
    const input = h("input", { id, name, value: this.values[name] ?? "", oninput: () => { this.values[name] = input.value; this.show() }, ...(hint ? { "aria-describedby": `${id}-hint` } : {}), ...options })
    return h("div", { class: "field" }, h("label", { for: id }, label), input, hint ? h("small", { id: `${id}-hint` }, hint) : null)
  }

  private grounds(): HTMLElement {
    const name = unique("basis")
    const options = this.terms.bases.map(({ basis, claims }) => {
      const input = h("input", { type: "radio", name, value: basis, required: true, onchange: () => { this.values.basis = basis; this.showProof(); this.show() } })
      return h("label", { class: "option" }, input, h("span", {}, h("strong", {}, basisText(basis)), h("small", {}, told(`basis_${basis}_hint`, claims))))
    })
    return h("fieldset", {}, h("legend", {}, t("grounds")), h("div", { class: "options" }, options))
  }

  private showProof(): void {
    if (!["written", "licensed"].includes(this.values.basis ?? "") && !this.terms.evidence_file) return replace(this.proof)
    const file = h("div", { class: "row" })
    const chosen = async () => {
      const [picked] = await choose("")
      if (!picked) return
      this.evidence = await uploaded("evidence", picked, picked.name, this.proof)
      showFile()
    }
    const showFile = () => replace(file, button(this.evidence?.name ?? t("choose_sound"), () => void chosen(), { icon: "upload" }))
    showFile()
    replace(this.proof, this.field("evidence", t("evidence"), t("evidence_hint"), { maxLength: 300 }), h("div", { class: "field" }, h("span", { class: "label" }, t("evidence_file")), file, h("small", {}, t("evidence_hashed"))))
  }

  private show(): void {
    const { basis, subject, evidence } = this.values
    const blank = "…"
    this.statement.textContent = basis ? told(`state_${basis}`, "").replace("{subject}", subject || blank).replace("{evidence}", evidence || this.evidence?.name || blank) : ""
    this.statement.hidden = !basis
  }

  private async send(): Promise<void> {
    const list = (name: string) => (this.values[name] ?? "").split(/[,，;、]/).map((word) => word.trim()).filter(Boolean)
    this.problem.textContent = ""
    try {
      const consent = await post<Consent>("consents", {
        photo: this.photo.id, face: this.face, basis: this.values.basis, subject: this.values.subject ?? "", evidence: this.values.evidence ?? "", evidence_file: this.evidence?.id ?? null,
        languages: list("languages"), purposes: list("purposes"), expires_on: this.values.expires_on || null, confirmed: this.confirm.checked,
      })
      toast(t("consent_signed"))
      this.ondone(consent)
    } catch (error) {
      fill(this.problem, failureText(error))
    }
  }
}
