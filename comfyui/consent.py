"""Consent as a node: who is in the picture, and on what grounds it may be animated."""

from pathlib import Path
from typing import Any

from comfy_api.latest import io

from . import schemas, wording

DEMO = "demo portrait"
CHOOSE = "choose the grounds"
BASES = (CHOOSE, "self", "written", "licensed", "synthetic", DEMO)
"""As in sonic.provenance.consent.BASES, after a first line that is none; DEMO is for the portrait that ships."""


class SonicConsent(io.ComfyNode):
    """Grounds for every exit."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schemas.schema(
            "SonicConsent",
            "Sonic Consent",
            description=(
                "Who is in the picture and who allowed this. Every video and every batch of frames needs it; it is "
                "bound to the photo, signed, and repeated in the video's record. Only animate people who agreed."
            ),
            search_aliases=["permission", "release form"],
            inputs=[
                io.Combo.Input(
                    "basis",
                    options=list(BASES),
                    default=CHOOSE,
                    tooltip=(
                        "self: you are the person. written: the person allowed it in writing. licensed: a licence "
                        "covers this use. synthetic: nobody who exists. demo portrait: the fictional person that "
                        "ships with Sonic, and no other photo."
                    ),
                ),
                io.String.Input(
                    "subject", default="", tooltip="Who is in the picture: a name that the grounds can be found by."
                ),
                io.String.Input(
                    "evidence",
                    default="",
                    tooltip="Where the permission or licence is kept; needed for written and licensed.",
                ),
                io.Boolean.Input(
                    "confirmed",
                    default=False,
                    label_on="this is true",
                    label_off="own photo: confirm",
                    tooltip="Confirms that what is stated here is true. Nothing is made without it.",
                ),
                schemas.folded(
                    io.String.Input(
                        "saved",
                        default="",
                        tooltip=(
                            "Instead of all above: the id of a consent of this machine (`sonic consent list`), or the "
                            "name of a consent file in ComfyUI's input folder."
                        ),
                    )
                ),
            ],
            outputs=[
                schemas.CONSENT.Output(
                    "consent", display_name="consent", tooltip="For everything that gives out frames or files."
                )
            ],
        )

    @classmethod
    @wording.spoken
    def execute(
        cls, basis: str, subject: str, evidence: str, confirmed: bool, saved: str, **others: Any
    ) -> io.NodeOutput:
        if saved.strip():
            return io.NodeOutput(_saved(saved.strip()))
        if basis == DEMO:
            from sonic import demo

            return io.NodeOutput(demo.consent())
        return io.NodeOutput(_stated(basis, subject, evidence, confirmed))

    @classmethod
    def fingerprint_inputs(cls, saved: str = "", **others: Any) -> str:
        """Asked anew every day, for a consent may expire, and when its file changes."""
        from datetime import date

        path = _file(saved.strip())
        changed = path.stat().st_mtime_ns if path else 0
        return f"{date.today()} {changed}"


def _stated(basis: str, subject: str, evidence: str, confirmed: bool) -> Any:
    from datetime import date

    from sonic.errors import ConsentError
    from sonic.provenance.consent import BASES as KNOWN
    from sonic.provenance.consent import Consent

    if basis == CHOOSE:
        raise ConsentError(f"this person's consent is missing; {wording.CONSENT_REMEDY}; bases: {', '.join(KNOWN)}")
    consent = Consent(subject=subject, basis=basis, given_on=date.today(), evidence=evidence or None)
    if not confirmed:
        raise ConsentError(f"this consent is not confirmed ({KNOWN[basis]}); if it is true, switch confirmed on")
    return consent


def _saved(name: str) -> Any:
    from sonic.provenance.consent import Consent, store

    path = _file(name)
    return Consent.from_file(path) if path else store.find(name)


def _file(name: str) -> Path | None:
    """The file of this name in ComfyUI's input folder, if there is one."""
    import folder_paths

    path = Path(folder_paths.get_annotated_filepath(Path(name).name)) if name else None
    return path if path and path.is_file() else None
