"""English words for reports, status files and notices."""

from typing import Final

LABELS: Final = {
    # how many pictures of a drop came to which end
    "count_done": "{number} done",
    "count_unchanged": "{number} same as before",
    "count_failed": "{number} failed",
    "count_ignored": "{number} ignored",
    "count_superseded": "{number} saved again",
    "count_withdrawn": "{number} taken out again",
    "count_look": "{number} to look at",
    "comma": ", ",
    # the contact sheet
    "tile_source": "picture",
    "tile_cut_out": "cut-out",
    "tile_matte": "matte",
    "cell_sure": "{percent} % sure",
    "cell_look": "please look at it",
    "cell_failed": "failed",
    # the status file in a hot folder
    "status_title": "mattingd: what happens with the pictures in this folder (at {time})",
    "status_running": "Being cut out now:  {number}",
    "status_waiting": "Waiting:            {number}",
    "status_done": "Finished:           {number}  (the cut-outs are in {place})",
    "status_look": "Please look at:     {number}  (the program is not sure that they are right)",
    "status_eta": "Time left:          {time}",
    "status_paused": "This folder is paused, so nothing happens here at the moment."
    " Whoever looks after mattingd can let it go on.",
    "status_hours": "The pictures wait: this folder is worked on from {time} on. It goes on by itself.",
    "status_offline": "This folder cannot be read at the moment. It goes on by itself.",
    "status_failed": "Not finished:       {number}. Here is what happened, and what you can do:",
    "status_what": "  {name}",
    "status_why": "    What happened:  {what}",
    "status_do": "    What to do:     {do}",
    "status_indent": " " * 20,
    "status_more": "  ... and {number} more: the folder _failed beside the cut-outs has a note on each.",
    "status_unsure": "Please look at the cut-outs of these pictures. If one is not right, correct it in an"
    " image editor. If it is,\nthere is nothing to do:",
    "status_unsure_more": "  ... and {number} more",
    "status_stays": "The folder {folder} stays here until every picture in it is finished. Then it moves to"
    " the archive by itself.\nIt still waits for: {pictures}\nIf you do not need such a picture, take it out"
    " of the folder.",
    "status_foot": "You need not do anything with this file. It is renewed by itself, and goes away when"
    " every picture is finished or taken out of the folder.",
    "minutes": "about {number} min",
    "hours": "about {number} h",
    "less_than_a_minute": "less than a minute",
    # the digest of a drop
    "digest_subject": "mattingd: {folder}, drop {drop}: {counts}",
    "digest_failed": "Not finished, and why:",
    "digest_line": "- {name}: {why}",
    "digest_more": "- and {number} more",
    "digest_look": "Please look at these, the program is not sure of them:",
    "digest_report": "The report:",
}
