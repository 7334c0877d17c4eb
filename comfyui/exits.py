"""Where frames leave: a signed file, a batch of images, and everything in one node."""

from typing import Any

from comfy_api.latest import InputImpl, io, ui

from . import bridge, schemas, wording

FILE_PREFIX = io.String.Input(
    "filename_prefix",
    default="sonic/talk",
    tooltip="Name and folder in ComfyUI's output folder; a number is added, and the record lies beside the video.",
)
CONSENT = schemas.CONSENT.Input("consent", tooltip="From Sonic Consent: nothing leaves without grounds.")
VIDEO = (
    "The finished file, labelled, watermarked, with AIGC metadata and signed. Save Video writes it anew and loses "
    "signature and record: they belong to the file that this node has written."
)


def outputs() -> list[io.Output]:
    """Of a node that writes a file."""
    return [
        io.Video.Output("video", display_name="video", tooltip=VIDEO),
        io.String.Output(
            "file", display_name="file", tooltip="Where the video lies; its record is beside it, with .json."
        ),
        io.String.Output("report", display_name="report", tooltip="Length, size, and everything a person should read."),
    ]


class SonicVideoOutput(io.ComfyNode):
    """Steps 5 and 6: the labelled, signed file."""

    KNOBS = schemas.ENCODING + schemas.MARKING

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schemas.schema(
            "SonicVideoOutput",
            "Sonic Video Output",
            description=(
                "Writes the MP4 into ComfyUI's output folder, with the visible AI label, the invisible watermark, AIGC "
                "metadata, Content Credentials, a record beside it and an entry in this machine's audit log."
            ),
            search_aliases=["Sonic save video", "video combine", "provenance"],
            is_output_node=True,
            inputs=[
                schemas.FRAMES.Input("frames", tooltip="From Latent Decoder or Post-Processing."),
                CONSENT,
                FILE_PREFIX,
                *schemas.inputs(cls.KNOBS, advanced=("encoder_preset", "language", "purpose")),
            ],
            outputs=outputs(),
        )

    @classmethod
    @wording.spoken
    def execute(cls, frames: bridge.Step, consent: Any, filename_prefix: str, **widgets: Any) -> io.NodeOutput:
        from sonic.pipeline import stages
        from sonic.pipeline.preflight import request_permit

        settings = frames.value.settings.replace(**schemas.chosen(widgets, cls.KNOBS))
        screen = bridge.Screen(pictures=False)
        job = bridge.job_of(screen, settings, (*frames.notices, *schemas.answers(widgets, cls.KNOBS)))
        path, subfolder = bridge.output_file(filename_prefix, frames.value.prepared.portrait.size_px)
        permit = request_permit(consent, settings, path)
        with bridge.engine(settings.engine):
            take = stages.changed(frames.value, settings, job.observer)
            result = stages.save(take, path, permit=permit, job=job)
        return _written(result, subfolder, wording.names_of(cls))


class SonicFramesToImages(io.ComfyNode):
    """Step 5 alone: labelled frames for other nodes."""

    KNOBS = schemas.MARKING

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schemas.schema(
            "SonicFramesToImages",
            "Sonic Frames To Images",
            description=f"Labelled frames for other nodes. {schemas.LOST_AS_IMAGES}",
            search_aliases=["Sonic IMAGE", "frames batch"],
            inputs=[
                schemas.FRAMES.Input("frames", tooltip="From Latent Decoder or Post-Processing."),
                CONSENT,
                *schemas.inputs(cls.KNOBS, advanced=("language", "purpose")),
            ],
            outputs=[
                io.Image.Output("image", display_name="image", tooltip=schemas.LOST_AS_IMAGES),
                io.Audio.Output("audio", display_name="audio", tooltip="The recording, as long as the frames."),
                io.Float.Output(
                    "fps", display_name="fps", tooltip="For Create Video: another value changes the speed."
                ),
            ],
        )

    @classmethod
    @wording.spoken
    def execute(cls, frames: bridge.Step, consent: Any, **widgets: Any) -> io.NodeOutput:
        from sonic.pipeline import stages
        from sonic.pipeline.preflight import request_permit

        settings = frames.value.settings.replace(**schemas.chosen(widgets, cls.KNOBS))
        screen = bridge.Screen()
        job = bridge.job_of(screen, settings, (*frames.notices, *schemas.answers(widgets, cls.KNOBS)))
        permit = request_permit(consent, settings)
        with bridge.engine(settings.engine):
            take = stages.changed(frames.value, settings, job.observer)
            screen.total = take.n_frames
            clip = stages.stream_clip(take, permit=permit, job=job)
            with clip.frames:
                images = bridge.images(clip)
        return io.NodeOutput(images, bridge.audio_of(clip), float(settings.fps))


class SonicTalkingPortrait(io.ComfyNode):
    """All steps in one node."""

    KNOBS = (
        *("inference_steps", "dynamic_scale", "motion_scale", "seed", "min_resolution", "framing", "expand_ratio"),
        *("duration", "fps", "audio_offset_ms", "smoothing", "blink_scale", "face", "engine"),
        *schemas.ENCODING,
        *schemas.MARKING,
    )
    FOLDED = KNOBS[KNOBS.index("fps") :]

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schemas.schema(
            "SonicTalkingPortrait",
            "Sonic Talking Portrait",
            description=(
                "One picture and one recording become the signed video, in one node. The same settings in the single "
                "steps give the same frames."
            ),
            search_aliases=["Sonic", "talking head", "lip sync", "digital human", "avatar"],
            is_output_node=True,
            inputs=[
                io.Image.Input("image", tooltip="One picture of a person, from Load Image."),
                io.Audio.Input("audio", tooltip="One recording; it decides the length."),
                CONSENT,
                FILE_PREFIX,
                *schemas.inputs(cls.KNOBS, advanced=cls.FOLDED),
                schemas.SVD.Input(
                    "svd_options", optional=True, tooltip="Only for engine svd; without it, as published."
                ),
            ],
            outputs=outputs(),
        )

    @classmethod
    @wording.spoken
    def execute(
        cls, image: Any, audio: Any, consent: Any, filename_prefix: str, svd_options: Any = None, **widgets: Any
    ) -> io.NodeOutput:
        from sonic.settings import Settings

        settings = bridge.with_models(Settings(**((svd_options or {}) | schemas.chosen(widgets, cls.KNOBS))))
        screen = bridge.Screen(pictures=False)
        job = bridge.job_of(screen, settings, schemas.answers(widgets, cls.KNOBS))
        photo, sound = bridge.photo_file(image), bridge.sound_file(audio)
        path, subfolder = bridge.output_file(filename_prefix, (image.shape[2], image.shape[1]))
        with bridge.engine(settings.engine):
            result = bridge.session().generate(photo, sound, path, consent=consent, job=job)
        return _written(result, subfolder, wording.names_of(cls))


def _written(result: Any, subfolder: str, names: dict[str, str]) -> io.NodeOutput:
    width, height = result.size_px
    lines = [f"{result.video.name}: {result.duration_s:.2f} s, {result.n_frames} frames of {width}x{height}"]
    report = "\n".join([*lines, *(f"! {wording.in_words_of_nodes(line, names)}" for line in result.notices)])
    saved = ui.SavedResult(result.video.name, subfolder, io.FolderType.output)
    shown = {**ui.PreviewVideo([saved]).as_dict(), "text": (report,)}
    return io.NodeOutput(InputImpl.VideoFromFile(str(result.video)), str(result.video), report, ui=shown)
