"""Which media are opened: for each kind of file its one demuxer, and the codecs that may decode what is in it.

None of the demuxers follows references to other files, and none of the codecs reaches beyond its packets.
"""

DEMUXERS = {
    "WAV": "wav", "AIFF": "aiff", "CAF": "caf", "AU": "au", "MP3": "mp3", "FLAC": "flac", "OGG": "ogg", "AAC": "aac",
    "AMR": "amr", "WMA": "asf", "MP4": "mov", "WebM": "matroska", "MPEG-TS": "mpegts", "MPEG-PS": "mpeg", "AVI": "avi",
    "FLV": "flv",
}  # fmt: skip
"""Kind, as sniff names it -> the demuxer that FFmpeg must use."""
CODECS = frozenset({
    "pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_f32le",
    "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_alaw", "pcm_mulaw", "pcm_bluray", "pcm_dvd", "adpcm_ms",
    "adpcm_ima_wav", "adpcm_ima_qt", "mp2", "mp2float", "mp3", "mp3float", "aac", "aac_latm", "flac", "alac", "opus",
    "libopus", "vorbis", "amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "ac3", "eac3", "wmav1", "wmav2",
    "wmapro", "h264", "hevc", "vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d", "mpeg4", "mjpeg",
})  # fmt: skip
"""Decoders that may run."""
ACCEPTED = "WAV, MP3, FLAC, OGG, AAC, M4A/MP4, WebM or MKV"
"""What messages ask for: the kinds that every recorder and editor can save."""
ACCEPTED_VIDEO = "MP4, MOV, WebM or MKV"
"""The same, where pictures are needed."""
STATING = ("WAV", "AIFF", "CAF", "AU", "FLAC", "OGG", "MP4", "WebM")
"""Kinds that state how long the sound is; of the others FFmpeg estimates it from the bit rate."""
REMEDIES = {
    "playlist": "it may open other files",
    "MIDI": "it holds notes and no sound; export it as WAV",
    "RealMedia": "convert it with a media player",
    "Monkey's Audio": "convert it to FLAC",
    "WavPack": "convert it to FLAC",
}
"""What to say of kinds that are not opened, where more helps than their name."""


def named(kind: str) -> str:
    """A kind as part of a sentence: "a WAV file", "an AIFF file", "no media that Sonic knows"."""
    special = {"text": "a text", "unknown": "no media that Sonic knows"}
    if kind in special:
        return special[kind]
    word = "" if kind.endswith(("list", "archive", "picture")) else " file"
    vowel = kind[0] in "AEIO" or kind.startswith(("MP", "SVG"))  # initials are read letter by letter
    return f"{'an' if vowel else 'a'} {kind}{word}"
