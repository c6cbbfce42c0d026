"""A recording longer than a page takes: separate all of it as a job, and hear or download the voices."""

from pathlib import Path
from urllib.parse import quote

import streamlit as st

from analysis.jobs import Job
from analysis.sounds.inputs import MAX_SECONDS
from pages.parts.captions import caption

from . import job_files, jobs, sound_inputs, uploads, workspace
from .job_kinds import SEPARATION
from .text import plain


def offer_whole_recording() -> None:
    """Where only the first minutes of an upload are on show: offer all of it, and show such jobs of this visitor."""
    chosen = workspace.selection()
    upload, role = uploads.current(), sound_inputs.ROLES.get(chosen.kind or "", ("",))[0]
    if chosen.problem:  # which the page has already reported
        return
    if upload is not None and role in (sound_inputs.MIXTURE, sound_inputs.RECORDING) and upload.files.get(role):
        (recording,), ((name, content),) = upload.audio(role), upload.files[role]
        if recording.cut:
            _offer(name, content, sound_inputs.chosen_channel(recording))
    if jobs.may_have_any():
        jobs.show_jobs(SEPARATION, {}, _offer_voices)


def _offer(name: str, content: bytes, channel: int | None) -> None:
    with st.container(border=True, key="whole_recording"):
        st.markdown(
            f"**{plain(sound_inputs.short_name(name))}** is longer than the {MAX_SECONDS // 60} minutes that are "
            "separated on this page."
        )
        if st.button("Separate all of it", icon=":material/playlist_play:", type="primary", key="separate_whole"):
            settings = {
                "name": job_files.safe_name(name),
                "model": workspace.selection().model,
                "device": workspace.selection().device,
                "channel": channel,
            }
            jobs.submit(SEPARATION, f"All of {name}", settings, lambda: None, (name, content))
        caption(
            "It runs as a job, which goes on when you leave. The recording stays on this server until its voices are "
            f"ready; these stay for {job_files.DAYS} days at most, or until you remove them."
        )


def _output_name(path: Path) -> str:
    """What is in a file of a job, by the end of its name: "Voice 1" in talk_s1.wav, "Noise" in talk_noise.wav."""
    end = path.stem.rpartition("_")[2]
    return f"Voice {end[1:]}" if end[0] == "s" and end[1:].isdigit() else end.capitalize()


def _offer_voices(job: Job) -> None:
    """Offer the voices, straight from the server's disk: a long file is never in memory."""
    files = [path for path in job_files.files_of(job.result) if path.suffix == ".wav"]
    if not files:
        st.info("Its voices are no longer here.", icon=":material/info:")
    for path in files:
        name = _output_name(path)
        link = quote(job_files.address(path))
        st.html(
            f'<figure style="margin:0"><figcaption>{name}: '
            f'<a href="{link}" download>{path.name}</a>, {path.stat().st_size / 1e6:.1f} MB</figcaption>'
            f'<audio controls preload="none" src="{link}" style="width:100%" aria-label="{name}"></audio>'
            "</figure>"
        )
