// The HTTP interface as a page, from its OpenAPI description.
import { h, replace } from "./dom"

interface Operation { summary: string; tags: string[]; parameters: { name: string; in: string; description?: string }[]; requestBody?: { content: Record<string, { schema?: { properties?: Record<string, { type?: string; description?: string }>; required?: string[] } }> }; responses: Record<string, { description: string }> }
interface Description { info: { title: string; version: string; description: string }; paths: Record<string, Record<string, Operation>> }

function operation(method: string, path: string, about: Operation): HTMLElement {
  const [kind, body] = Object.entries(about.requestBody?.content ?? {})[0] ?? ["", undefined]
  const fields = Object.entries(body?.schema?.properties ?? {}).map(([name, field]) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, name), body?.schema?.required?.includes(name) ? " *" : ""), h("td", {}, field.type ?? ""), h("td", {}, field.description ?? "")))
  const parameters = about.parameters.map((each) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, each.name)), h("td", {}, each.in), h("td", {}, each.description ?? "")))
  return h("details", { class: "operation" }, h("summary", {}, h("span", { class: `method ${method}` }, method.toUpperCase()), h("code", {}, path), h("span", { class: "quiet" }, about.summary)),
    parameters.length ? h("table", {}, h("tbody", {}, parameters)) : null, kind ? h("p", { class: "quiet" }, `Body: ${kind}`) : null, fields.length ? h("table", {}, h("tbody", {}, fields)) : null,
    h("p", { class: "quiet" }, "Answers: ", Object.entries(about.responses).map(([code, answer]) => `${code} ${answer.description}`).join(", ")))
}

async function show(): Promise<void> {
  const about = (await (await fetch("/api/v1/openapi.json")).json()) as Description
  const all = Object.entries(about.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, each]) => operation(method, path, each)))
  replace(document.body, h("main", { class: "page narrow" }, h("h1", {}, `${about.info.title}: HTTP interface`), h("p", { class: "lead" }, about.info.description), h("p", {}, h("a", { href: "/api/v1/openapi.json" }, "openapi.json"), " · ", h("a", { href: "/" }, "Studio")), all))
}

const theme = localStorage.getItem("theme")
if (theme) document.documentElement.dataset.theme = theme
void show()
