"""Sound files as streams of decoded blocks, so that hours of many channels are never in memory at once."""

from __future__ import annotations

import io
import os
import re
import shutil
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from .errors import UserError, opening

BLOCK = 1 << 12  # frames decoded at a time
UNKNOWN_LENGTH = np.iinfo(np.int64).max  # frames: a FLAC that was written as a stream
OGG_PAGE = 27 + 255 + 255 * 255  # bytes, at most
FFMPEG_SECONDS = 300
# Containers that ffmpeg may open. Excluded are playlists and others that refer to further files, devices, formats
# recognised only by name, and pictures.
FFMPEG_FORMATS = (
    "mov,matroska,webm,aac,mp3,ogg,wav,flac,aiff,asf,avi,flv,amr,ac3,eac3,mpegts,mpeg,caf,wv,ape,"
    "nistsphere,shn,tta,tak,mpc,mpc8,dsf,dts,dtshd,truehd,mlp,oma,xwma,voc,au,w64,iff,ircam,sox,pvf,rm,nut,mxf,wtv,"
    "rso,avr,qcp,act,aea,aa,apc,loas,amrnb,amrwb,bit,codec2,svx,smjpeg,gxf,dv,mmf,vqf,nsp,sds,sdx,wsd,epaf,paf"
)
# The suffixes of recordings in a folder; a file that is named explicitly may be called anything.
SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".wave", ".oga", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf"),
    *(".w64", ".rf64", ".m4a", ".m4b", ".mp4", ".aac", ".webm", ".wma", ".mka", ".mkv", ".mov", ".amr", ".3gp", ".ac3"),
    *(".ape", ".wv", ".tta", ".tak", ".mpc", ".dsf", ".voc", ".sph", ".sphere", ".nist", ".shn", ".wv1", ".wv2"),
)
KINDS_BY_BEGINNING = {b"NIST_1A": "a SPHERE file whose sound is compressed (with shorten)", b"ajkg": "a shorten file"}
CONTAINERS = {  # (at which byte, mark): what only ffmpeg opens
    (4, b"ftyp"): "an MPEG-4 file (such as m4a)",
    (0, b"\x1aE\xdf\xa3"): "a WebM or Matroska file",
    (0, b"0&\xb2u\x8ef\xcf\x11"): "a Windows Media file",
    (0, b"#!AMR"): "an AMR file",
}
LONGEST_HEADER = 1 << 16  # bytes at the beginning of a WAV file, in which its chunks are looked for
UNTIL_THE_END = b"\xff" * 4  # the size that libsndfile takes as unknown


def printable(text: str) -> str:
    """`text` with every byte that is not valid UTF-8 escaped as \\xff: any file name can then be shown and kept."""
    try:
        raw = os.fsencode(text)
    except UnicodeEncodeError:  # unpaired surrogates, which JSON can hold
        raw = text.encode(errors="backslashreplace")
    return raw.decode(errors="backslashreplace")


class AudioError(UserError):
    """A sound that cannot be used; the message is one sentence for the user."""

    def __init__(self, message: str):
        # The default label, "the sound", may stand first in a sentence; the name of a file stays.
        super().__init__(f"The {message[4:]}" if message.startswith("the ") else message)


class Guarded:
    """A file for libsndfile that lets no exception through: the first one is kept, to be raised afterwards.

    Where `size_at` is given, the four bytes there read as an unknown size.
    """

    def __init__(self, file: BinaryIO, size_at: int | None = None) -> None:
        self._file, self._size_at = file, size_at
        self.error: OSError | ValueError | None = None

    def _call(self, name: str, *arguments: object) -> int:
        try:
            return getattr(self._file, name)(*arguments)
        except (OSError, ValueError) as error:  # ValueError: a damaged header leads to a negative offset
            self.error = self.error or error
            return 0

    def readinto(self, buffer: memoryview) -> int:
        count = self._call("readinto", buffer)
        if self._size_at is not None:
            begin = self._call("tell") - count
            for place in range(max(begin, self._size_at), min(begin + count, self._size_at + 4)):
                buffer[place - begin : place - begin + 1] = UNTIL_THE_END[:1]
        return count

    def write(self, data: bytes) -> int:
        return self._call("write", data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._call("seek", offset, whence)

    def tell(self) -> int:
        return self._call("tell")


class NotForSoundfile(Exception):
    """libsndfile does not know this kind of file."""


@dataclass
class Stream:
    rate: int
    channels: int
    blocks: Iterator[np.ndarray]  # float32 (frames, channels)
    promised: int = 0  # frames, where a header read before them says so
    damaged: bool = False  # there is less than the file promises; known only after the last block
    hidden: bool = False  # there is more than its header says; known only after the last block
    unfinished: bool = False  # its header says there are no samples, but there are


@contextmanager
def soundfile_stream(file: Path | bytes, label: str) -> Iterator[Stream]:
    """WAV, FLAC, MP3, Ogg, Opus, AIFF and their kin through libsndfile."""
    # An open file instead of its name, which libsndfile accepts only in UTF-8.
    with io.BytesIO(file) if isinstance(file, bytes) else file.open("rb") as opened:
        ends, size_at, beginning = _ends(opened), _size_of_nothing(opened), _beginning(file)
        try:
            sound = soundfile.SoundFile(Guarded(opened, size_at))
        except (soundfile.LibsndfileError, TypeError):  # TypeError: a name that ends in .raw
            raise NotForSoundfile(label) from None
        with sound:
            stream = Stream(sound.samplerate, sound.channels, iter(()), unfinished=size_at is not None)

            def blocks() -> Iterator[np.ndarray]:
                frames, failed = 0, False
                while not failed:
                    block = np.full((BLOCK, sound.channels), np.nan, np.float32)
                    try:
                        block = sound.read(out=block)
                    except soundfile.LibsndfileError:
                        failed = True
                        decoded = np.flatnonzero(~np.isnan(block).all(axis=1))
                        block = block[: decoded[-1] + 1 if decoded.size else 0]  # what came before the error
                    if not len(block):
                        break
                    frames += len(block)
                    yield block
                promised = frames if sound.frames == UNKNOWN_LENGTH else max(sound.frames, _sphere_frames(beginning))
                stream.damaged = (failed and frames < promised) or not ends
                # Two per cent: the length of an MP3 without a table of contents is an estimate.
                stream.damaged |= frames < 0.98 * promised or _header_promises_more(sound)
                stream.hidden = _header_promises_less(sound, opened)

            stream.blocks = blocks()
            yield stream


def _ends(file: BinaryIO) -> bool:
    """False for an Ogg stream without the page that ends it; the file is then at its beginning again."""
    ogg = file.read(4) == b"OggS"
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - OGG_PAGE))
    tail = file.read() if ogg else b""
    file.seek(0)
    page = tail.rfind(b"OggS")
    return not ogg or (0 <= page < len(tail) - 5 and bool(tail[page + 5] & 4))


def _size_of_nothing(file: BinaryIO) -> int | None:
    """The offset at which a WAV file says that its sound has no bytes though it has, as after an interrupted recording.

    None for any other file. The file is at its beginning again.
    """
    head = file.read(LONGEST_HEADER)
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    place = 12
    while place + 8 <= len(head):
        name, length = head[place : place + 4], int.from_bytes(head[place + 4 : place + 8], "little")
        if name == b"data":
            return place + 4 if length == 0 and size > place + 8 and not _chunks(head[place + 8 :]) else None
        place += 8 + length + length % 2
    return None


def _chunks(data: bytes) -> bool:
    """Whether `data` begins like a further chunk of a WAV file instead of sound."""
    return data[:4] in (
        b"LIST",
        b"id3 ",
        b"ID3 ",
        b"bext",
        b"cue ",
        b"smpl",
        b"fact",
        b"PEAK",
        b"afsp",
        b"iXML",
        b"JUNK",
    )


def _header_promises_more(sound: soundfile.SoundFile) -> bool:
    """Whether libsndfile found less sound than the header says (its log: 'data : 9 (should be 5)').

    Sizes near 2 GiB and 4 GiB are written by programs that do not know the length beforehand.
    """
    sizes = re.findall(r": (\d+) \(should be (\d+)\)", sound.extra_info)
    return any(int(said) - int(is_) > 64 and int(said) < 0x7FFF0000 for said, is_ in sizes)


def _header_promises_less(sound: soundfile.SoundFile, file: BinaryIO) -> bool:
    """Whether there is sound after what the header declares, once all of that was read."""
    if sound.format == "FLAC":
        position = file.tell()
        unread = file.seek(0, io.SEEK_END) - position
        return unread > max(256, 0.02 * position)  # more than a tag
    if sound.format == "AU":
        log = sound.extra_info
        numbers = [re.search(rf"{name}\s*: (-?\d+)", log) for name in ("Length", "Data Offset", "Data Size")]
        length, offset, said = (int(number[1]) if number else 0 for number in numbers)
        return length - offset - said > 64
    return re.search(r"marker.*\n?.*Exiting parser", sound.extra_info) is not None  # no chunk, so it is sound


@contextmanager
def ffmpeg_stream(file: Path | bytes, label: str) -> Iterator[Stream]:
    """Anything else through an `ffmpeg` process that writes Sun AU (a fixed header) to a pipe."""
    ffmpeg, beginning = shutil.which("ffmpeg"), _beginning(file)
    kind = next((kind for mark, kind in KINDS_BY_BEGINNING.items() if beginning.startswith(mark)), None)
    if ffmpeg is None:
        held = next((what for (at, mark), what in CONTAINERS.items() if beginning.startswith(mark, at)), kind)
        raise AudioError(
            f"{label} is {held}; for these the program ffmpeg must be installed."
            if held
            else f"{label} is not a sound file that can be read here: a WAV, FLAC, MP3, Ogg, Opus or AIFF file can."
        )
    promised = _sphere_frames(beginning)
    unreadable = AudioError(
        f"{label} is {kind}, but it is damaged, or nothing in it tells its sample rate: it cannot be read."
        if kind
        else f"{label} is not a sound file, or it is damaged: it cannot be read."
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound" if isinstance(file, bytes) else file.absolute()
        if isinstance(file, bytes):
            with opening("The folder for temporary files", "be written"):
                path.write_bytes(file)  # a file, as the index of an m4a may be at its end
        command = [ffmpeg, "-nostdin", "-v", "quiet", "-protocol_whitelist", "file,pipe"]
        command += ["-format_whitelist", FFMPEG_FORMATS, "-i", f"file:{path}", "-map", "0:a:0"]
        command += ["-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        pipe = process.stdout
        assert pipe is not None  # as PIPE was asked for: what the type of a process cannot say
        timer = threading.Timer(FFMPEG_SECONDS, process.kill)
        timer.start()
        try:
            header = pipe.read(24)
            if len(header) < 24:
                raise unreadable
            magic, offset, _, _, rate, channels = struct.unpack(">4s5I", header)
            if magic != b".snd" or not channels:
                raise unreadable
            pipe.read(offset - 24)
            stream = Stream(rate, channels, iter(()), promised)

            def blocks() -> Iterator[np.ndarray]:
                frames = 0
                while data := pipe.read(BLOCK * channels * 4):
                    whole = len(data) // (4 * channels) * channels
                    values = np.frombuffer(data, ">f4", whole).astype(np.float32)
                    frames += whole // channels
                    yield values.reshape(-1, channels)
                stream.damaged = process.wait() != 0 or frames < promised

            stream.blocks = blocks()
            yield stream
        finally:
            timer.cancel()
            process.kill()
            process.communicate()


def _sphere_frames(beginning: bytes) -> int:
    """The frames that SPHERE's header tells of; 0 for another file."""
    counted = re.search(rb"\nsample_count -i (\d{1,12})\n", beginning) if beginning.startswith(b"NIST") else None
    return int(counted[1]) if counted else 0


def _beginning(file: Path | bytes) -> bytes:
    """The first bytes of a file, in which SPHERE has its header."""
    if isinstance(file, bytes):
        return file[:1024]
    with file.open("rb") as opened:
        return opened.read(1024)
