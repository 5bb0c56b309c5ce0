"""English words for every reason, and for notes, reports and `status`."""

from typing import Final

from mattingd.words.en_details import DETAILS, REMARKS
from mattingd.words.entries import Words

_COPY = (
    "Copy the picture into the hot folder again. If the new copy fails too, the original itself is"
    " incomplete: export it again from the program that made it."
)
_SAVE = "Open the picture in an image editor and save it again under the same name in the hot folder."
_FORMAT = "save it as JPEG, PNG, TIFF, WebP, AVIF or HEIC"
_ASK = "Tell whoever looks after mattingd: the details below are for them."
_WAITS = "Nothing to do: it is tried again by itself."
_TECHNICAL = "Something in the file could not be processed."

_READING: Final = {
    "as_written": Words("{text}", note_do="Put right what is said above, then save the picture again."),
    "empty_file": Words("the file is empty", "copy it again", _COPY),
    "too_heavy": Words(
        "the file has {mb} MB, more than the {limit:g} MB that `limits.max_megabytes` allows",
        "make it smaller or raise the limit",
        "Save a smaller copy in the hot folder, or ask whoever looks after mattingd to allow larger files.",
        "The file has {mb} MB; at most {limit:g} MB are allowed here",
    ),
    "too_many_pixels": Words(
        "{width} x {height} px are {megapixels} megapixels, the limit is {limit:g}",
        "make it smaller or raise `limits.max_megapixels`",
        "Save a smaller copy in the hot folder, or ask whoever looks after mattingd to allow larger"
        " pictures.",
        "The picture has {width} x {height} pixels ({megapixels} megapixels); at most {limit:g} megapixels"
        " are allowed here",
    ),
    "truncated": Words(
        "the picture is cut off ({detail})",
        "copy it again",
        _COPY,
        "Only a part of the picture has arrived",
    ),
    "damaged": Words(
        "the picture is damaged ({detail})",
        "open it in an editor and save it again",
        _SAVE,
        "The picture is damaged",
    ),
    "not_read": Words(
        "{detail}", _FORMAT, "Save it as JPEG, PNG, TIFF, WebP, AVIF or HEIC in the hot folder."
    ),
    "psd_flat": Words(
        "this Photoshop document has no merged picture in it",
        "save it with 'Maximize Compatibility' on",
        "Save the document in Photoshop with 'Maximize Compatibility' on, or export it as PNG or TIFF.",
    ),
    "raw_extra": Words(
        "this is a camera raw file, and what reads them is not installed (pip install 'mattingd[raw]')",
        _FORMAT,
        "Develop it and save it as JPEG or TIFF, or ask whoever looks after mattingd to install support"
        " for camera raw files.",
        "This is a camera raw file, and this computer has no support for them installed",
    ),
    "jxl_extra": Words(
        "this is a JPEG XL picture, and what reads them is not installed (pip install 'mattingd[jxl]')",
        _FORMAT,
        "Save it as JPEG, PNG or TIFF, or ask whoever looks after mattingd to install support for JPEG XL.",
        "This is a JPEG XL picture, and this computer has no support for them installed",
    ),
    "all_transparent": Words(
        "all of it is transparent",
        "show its layers, and export it again",
        "Show the layers of the picture, and export it again.",
    ),
    "no_subject": Words(
        "no subject was found in the picture",
        "crop it so that the subject fills more of it",
        note_do="Choose one of these:\n"
        "- paint over the subject in a file named {stem}.keep.png and save that beside the picture;\n"
        "- crop the picture so that the subject fills more of it, and save it again;\n"
        "- or ask whoever looks after mattingd to publish it as it is, with this command:\n"
        "  {command}",
    ),
    "try_another": Words("no subject was found in it", "try a picture with one"),
    "existed": Words(
        "it was here before the first start, and `existing: ignore` is set",
        note_what="It was here before mattingd was started for the first time",
    ),
    "upload_settings": Words("its settings cannot be used: {error}"),
    "damage_fails": Words(
        "{detail}; `on_damage` says that this fails",
        note_do=_SAVE + " If you need it as it is, ask whoever looks after mattingd to use this command:\n"
        "  {command}",
        note_what="The picture is not sound: {detail}. Such pictures are not published here",
    ),
    "out_of_memory": Words(
        "it needs more memory than pictures may have here",
        "make it smaller",
        "Save a smaller copy in the hot folder.",
        "The picture needs more memory than there is for one picture",
    ),
    "not_processed": Words(
        "it could not be processed ({error})", note_do=_SAVE + " " + _ASK, note_what=_TECHNICAL
    ),
    "changed": Words("it was saved again while it waited"),
    "strokes_changed": Words("its strokes were saved again while it waited"),
    "gone": Words("it was taken out of the hot folder before it was read"),
    "no_right": Words(
        "it may not be read",
        "give the daemon's user the right to read it",
        "Copy the picture into the hot folder again, or ask whoever looks after mattingd for the right to"
        " read it.",
        "mattingd has no right to read the picture",
    ),
    "cannot_read": Words(
        "it cannot be read at present: {error}",
        note_do=_COPY,
        note_what="The picture could not be read for a long time",
    ),
    "not_a_file": Words("{detail}", note_do="Put the picture itself into the hot folder."),
    "strokes_alone": Words(
        "these are strokes, and the picture that they belong to is not beside them",
        "`shoe.keep.png` belongs to `shoe.jpg` in the same folder",
    ),
    "strokes_shape": Words(
        "it has {width} x {height} pixels, the picture {of_width} x {of_height}",
        "paint on a layer over all of the picture, or of a smaller copy, and save that layer alone",
        "Paint on a layer over all of the picture, and save that layer alone.",
    ),
    "strokes_all": Words(
        "nearly all of it is painted",
        "strokes belong on a transparent or a black background",
        "Paint the strokes on an empty, transparent layer, and save that layer alone.",
    ),
    "strokes_photo": Words(
        "it holds a picture, and not strokes alone",
        "strokes belong on a transparent or a black background",
        "Paint the strokes on an empty, transparent layer, and save that layer alone.",
    ),
    "strokes_no_file": Words(
        "{detail}", "remove it, or save strokes in its place", "Remove it, or save the strokes in its place."
    ),
    "strokes_heavy": Words(
        "the file has {mb} MB, more than the {limit:g} MB that `limits.max_megabytes` allows",
        "paint on a smaller copy of the picture",
        "Paint the strokes on a smaller copy of the picture.",
        "The file has {mb} MB; at most {limit:g} MB are allowed here",
    ),
}

_FINISHING: Final = {
    "finisher_failed": Words(
        "the finisher {name!r} failed ({error})",
        note_do=_ASK,
        note_what="Your team's own last step {name} failed",
    ),
    "finisher_not_loaded": Words(
        "the finisher {name!r} cannot be loaded ({error})",
        note_do=_ASK,
        note_what="Your team's own last step {name} cannot be started",
    ),
    "finisher_missing": Words(
        "there is no finisher {name!r}",
        "install the package that has it",
        "Tell whoever looks after mattingd that the package with this step must be installed.",
        "Your team's own last step {name} is not installed",
    ),
    "finisher_result": Words(
        "the finisher {name!r} returned {error}",
        note_do=_ASK,
        note_what="Your team's own last step {name} returned no picture",
    ),
    "background_small": Words(
        "its {width} x {height} px are too few",
        "{least} a side at least",
        "Choose a larger picture as the background: at least {least} pixels a side.",
        "The background has only {width} x {height} pixels",
    ),
    "background_large": Words(
        "its {width} x {height} px are too many",
        "make it {most} megapixels at most",
        "Choose a smaller picture as the background: at most {most} megapixels.",
        "The background has {width} x {height} pixels, which is too many",
    ),
    "background_transparent": Words(
        "it is transparent in places",
        "save it flattened, without alpha",
        "Save the background flattened, without transparency.",
        "The background is transparent in places",
    ),
    "background_missing": Words(
        "the background {path!r} cannot be read from {copy!r}: {error}",
        "`mattingd reload` copies it there again",
        "Tell whoever looks after mattingd that the background is missing: the command mattingd reload"
        " copies it again.",
        "The background {path} cannot be read",
    ),
    "too_large_for_format": Words(
        "{width} x {height} px are too large for {format} (at most {limit} px a side)",
        "choose png or tiff",
        "Save a smaller copy in the hot folder, or ask whoever looks after mattingd to choose PNG or TIFF"
        " for this folder.",
    ),
    "too_large_for_tiff": Words(
        "{width} x {height} px do not fit into a TIFF",
        "choose png",
        "Save a smaller copy in the hot folder, or ask whoever looks after mattingd to choose PNG for this"
        " folder.",
    ),
    "jpeg_transparent": Words(
        "JPEG cannot be transparent",
        "give the preset a background",
        "Ask whoever looks after mattingd to give the preset of this folder a background, or another format.",
    ),
    "over_kb": Words(
        "it is larger than {kb} kB at any quality",
        "raise `max_kb`, or give the preset a smaller canvas",
        "Ask whoever looks after mattingd to allow larger files for this folder, or a smaller canvas.",
        "The cut-out takes more than the {kb} kB that are allowed, at any quality",
    ),
    "read_back_differs": Words(
        "what was read back from the output disk is not what was written", note_do=_WAITS
    ),
    "output_fails": Words(
        "the cut-out cannot be written: {error}",
        note_do=_WAITS,
        note_what="The cut-out cannot be written at present",
    ),
    "place_refused": Words(
        "the cut-out {place!r} cannot be written: {error}",
        note_do="Rename the picture, or ask whoever looks after mattingd: the details below are for them.",
        note_what="The name {place} was refused where the cut-outs go",
    ),
    "place_refused_for": Words(
        "the cut-out {place!r} cannot be written: {error}; {detail}",
        note_do="Rename the picture, or ask whoever looks after mattingd: the details below are for them.",
        note_what="The name {place} was refused where the cut-outs go: {detail}",
    ),
    "interrupted": Words("interrupted"),
    "daemon_ended": Words("the daemon ended while it was being processed"),
    "daemon_ended_before_publishing": Words("the daemon ended before it was published"),
    "other_settings": Words("it is asked for with other settings now"),
    "made_with_other_settings": Words("it was made with other settings than are asked for now"),
    "saved_again": Words("it was saved again before its turn came"),
    "taken_out": Words("it was taken out of the hot folder before its turn came"),
    "same_content": Words("content and settings are those of its last result"),
    "same_picture": Words("it is the same picture again: a copy of the cut-out {place}"),
    "same_bytes": Words("the existing cut-out equals the result byte for byte"),
    "temp_file_missing": Words("its finished file was removed before it was published"),
    "remote_left": Words("the worker on another machine is gone: {said}"),
    "remote_not": Words("no other machine can do it: {said}"),
    "remote_lost": Words("{count} workers on other machines were lost over it: {said}"),
    "another_crashed": Words("the process that held it ended over another picture"),
    "other_weights": Words("other weights came into use between its two passes"),
    "crashed_alone": Words(
        "its process crashed {times} times while it ran alone: {detail}",
        note_do=_SAVE,
        note_what="The program broke down {times} times over this picture, so it is set aside",
    ),
    "model_failed": Words(
        "the model failed on it: {error}",
        note_do=_SAVE + " " + _ASK,
        note_what="The model failed on this picture",
    ),
    "version_before": Words("the version before it is still being worked on"),
    "settling": Words("still settling"),
    "being_taken": Words("it is being taken"),
    "has_writer": Words("another program still has it open for writing"),
    "outside_hours": Words(
        "it waits for the hours of its hot folder, from {opens}", "`mattingd retry` does it at once"
    ),
    "folder_paused": Words("its hot folder is paused", "`mattingd resume` lets it go on"),
    "output_tried_again": Words("the output folder could not be written; it is tried again"),
    "folder_offline": Words("its hot folder is offline: {detail}"),
    "folder_unreadable": Words("the hot folder cannot be read: {error}"),
    "folder_unmounted": Words("the hot folder cannot be read: {error}; {point} is not mounted"),
    "share_unmounted": Words("the disk or share at {point} is not mounted"),
    "share_silent": Words("it gives no answer for more than {seconds:g} s: does its server run?"),
    "share_process_failed": Words("the process that works on it failed: {error}"),
    "output_offline": Words("the output folder {root} is offline: {detail}"),
    "output_unusable": Words("the output folder {root} cannot be used: {error}"),
    "output_unmounted": Words("the output folder {root} is away: {point} is not mounted"),
    "output_unmarked": Words(
        "the output folder {root} is not the one that was worked with: is its disk or share mounted?"
        " If it is the right one, say so with: touch {marker}"
    ),
    "does_not_return": Words("its call to an offline folder does not return"),
    "hangs": Words("it hangs in the kernel"),
    "ready_marker": Words("it says that its folder is complete"),
    "moved": Words("it was moved from {before}, and keeps its cut-out"),
    "finder_copies": Words("the Finder is still copying it"),
    "empty_so_far": Words("it is empty so far"),
    "another_model": Words("another model came into use while it waited"),
    "model_missing": Words(
        "the model {name} is not installed",
        "`mattingd models get {name}`, then `mattingd reload`",
        "Tell whoever looks after mattingd: mattingd models get {name} and then mattingd reload help.",
    ),
    "model_unusable": Words(
        "the model {name} cannot be used: {error}",
        note_do=_ASK,
        note_what="The model {name} that this folder wants cannot be used",
    ),
    "tried_alone": Words("it is tried by itself when its turn comes, since {detail}"),
    "space_low": Words(
        "the output disk has {free:.1f} GB left, and `retention.min_free_gb` keeps {floor:g} GB free",
        "make room; it then goes on by itself",
        note_what="The disk for the cut-outs is nearly full",
    ),
    # how a process ended
    "exit_code": Words("it ended with code {exit_code}"),
    "signal": Words("it was ended by {signal}"),
    "took_too_long": Words(
        "it took longer than the {seconds:g} s that `limits.picture_seconds` allows",
        note_what="It took longer than the {seconds:g} s that are allowed here",
    ),
    "did_not_come_up": Words("it did not come up"),
    "nonsense": Words("it said what could not be understood: {said}"),
    "no_answer": Words("the model gave no answer within {seconds} s"),
    "device_out": Words("its device was taken out of use"),
    "no_gpu_memory": Words("the GPU has no memory for even one picture"),
    "said_why": Words("{said}"),
}

REASONS: Final = _READING | _FINISHING | DETAILS | REMARKS

LABELS: Final = {
    "what_do": "{what}: {do}",
    "and_then": "; ",
    "note": "No new cut-out was made of {name}.\n\n"
    "What happened:  {what}\n\n"
    "What to do:     {do}\n\n"
    "{details}"
    "The picture:    {source} (it was not changed)\n\n"
    "A picture that is saved again is tried again by itself. This note disappears with the next cut-out.\n",
    "note_indent": " " * 16,
    "note_details": "Details:        {error}\n\n",
    "note_about": "{file}: {what}",
    "others_do": "whoever looks after mattingd can help: {do}",
}
