"""English words for the details of reasons, and for remarks on cut-outs."""

from typing import Final

from mattingd.words.entries import Words

DETAILS: Final = {
    # of what is cut off
    "header_missing": Words("its header is not there"),
    "header_cut": Words("its header is not all there"),
    "header_zeros": Words("its header is still zeros"),
    "bytes_missing": Words("{needed} bytes are needed, {there} are there"),
    "bytes_announced": Words("{needed} bytes are announced, {there} are there"),
    "last_bytes_zeros": Words("its last {bytes} bytes are zeros"),
    "some_last_bytes_zeros": Words("its last bytes are zeros"),
    "last_kb_zeros": Words("its last {kb} kB are zeros"),
    "directory_missing": Words("its directory is not there"),
    "part_missing": Words("a part of it is missing"),
    "part_zeros": Words("a part of it is still zeros"),
    "no_end": Words("the end marker is missing"),
    "holes": Words("there are holes of zeros in it"),
    "pixels_zeros": Words("its pixels are still zeros"),
    "ends_early": Words("the data ends too early"),
    "ends_in_zeros": Words("it ends in zeros"),
    "begins_with_zeros": Words("the file begins with zeros"),
    "only_beginning": Words("little more than its beginning is there"),
    # of what is damaged
    "channel_missing": Words("a channel is missing"),
    "rows_packed_wrong": Words("its rows do not unpack"),
    "decoder_gave_up": Words("the decoder gave up"),
    "checksum": Words("a checksum does not fit"),
    "size_differs": Words("its size is not what its header says"),
    "colours_unknown": Words("its colours cannot be told"),
    "not_decoded": Words("it cannot be decoded"),
    "not_developed": Words("it cannot be developed"),
    "marker": Words("it contains the invalid marker FF{marker}"),
    "check_failed": Words("{check}"),
    # of what is not read
    "no_picture": Words("this is not a picture"),
    "is_pdf": Words("this is a PDF or Illustrator document"),
    "is_eps": Words("this is a PostScript document"),
    "is_svg": Words("this is an SVG or XML document"),
    "is_exr": Words("this is an OpenEXR picture"),
    "is_xcf": Words("this is a GIMP document"),
    "is_indd": Words("this is an InDesign document"),
    "is_ico": Words("this is an icon"),
    "is_video": Words("this is a video"),
    "is_archive": Words("this is an archive"),
    "is_html": Words("this is a web page"),
    "jpeg_bits": Words("this is a JPEG of {bits} bits a channel"),
    "jp2_bits": Words("this is a JPEG 2000 picture of {bits} bits a channel"),
    "psd_pixels": Words("this Photoshop document holds an unusual kind of pixels, such as 32 bits"),
    "psd_packing": Words("this Photoshop document is compressed in an unusual way"),
    "tiff_compression": Words(
        "the pixels of this TIFF are compressed in a way that is not read (number {number})"
    ),
    "tiff_colours": Words("this is a TIFF whose colours are neither grey nor RGB nor CMYK"),
    "tiff_samples": Words("this is a TIFF of {samples} samples"),
    "depth": Words("this is a picture of an unusual depth ({bits} bits a channel)"),
    "raw_kind": Words("this is a camera raw file of a kind that is not read"),
    "pixel_kind": Words("this picture holds an unusual kind of pixels (mode {mode}), such as 32 bits"),
    # of what is no file
    "link": Words("it is a symbolic link, and links are not followed"),
    "pipe": Words("it is a named pipe, not a file"),
    "socket": Words("it is a socket, not a file"),
    "device": Words("it is a device, not a file"),
    "folder": Words("it is a folder, not a file"),
    "no_regular_file": Words("it is no regular file"),
    # of a place that cannot be written
    "file_in_the_way": Words("a file has the name of a folder on its way: rename or move that file"),
    "folder_in_the_way": Words("a folder has its name: rename or move that folder"),
    "name_too_long": Words("the name is too long for that disk: shorten it"),
    "name_not_taken": Words("that disk does not take the name: rename the picture"),
    "name_unwritable": Words("its name cannot be told to the system: rename the picture"),
    "no_right_there": Words("give the daemon's user the right to write there"),
}

REMARKS: Final = {
    "main_of": Words("the main one of {frames} pictures in it"),
    "first_of": Words("first of {frames} frames"),
    "largest_of": Words("the largest, number {number}, of {frames} frames"),
    "from_raw": Words("developed from a camera raw file"),
    "reduced_to_16": Words("{bits} bits a channel were reduced to 16"),
    "reduced_to_8": Words("16 bits a channel were reduced to the 8 that {format} holds"),
    "profile_ignored": Words("its colour profile is broken or not for its kind of colours: ignored"),
    "hdr": Words("its brightness is coded for HDR ({kind}): on other screens its highlights are compressed"),
    "lab_converted": Words("Lab was converted to sRGB"),
    "grey_converted": Words("grey was converted to sRGB"),
    "cmyk_converted": Words("CMYK was converted to sRGB"),
    "cmyk_simply": Words("CMYK without a profile was converted simply"),
    "smaller_for_kb": Words("it has {width} x {height} px to stay within {kb} kB"),
    "background_enlarged": Words("the background of {width} x {height} px was enlarged {times:.1f} times"),
    "lettering": Words("most of its lettering is taken from the colours on its flat background"),
    "narrow_range": Words("its levels are of a narrow range (16 to 235): they are stretched"),
    "own_alpha": Words("it was cut out already: its own transparency is kept"),
    "no_end_marker": Words("its end marker is missing, but all of the picture is there"),
    "rows_black": Words("its last {rows} rows are black: perhaps it was not copied to its end"),
    "colours_break": Words("its colours jump along a row of blocks, as those of a damaged file do"),
    "damaged_inside": Words("it is damaged inside (libjpeg: {said})"),
    "no_face": Words("no face was found, so the frame follows the outline", "check where the head is"),
    "several_faces": Words(
        "{faces} faces were found and the frame follows the largest", "use a picture of one person"
    ),
    "head_cut_top": Words("the head is cut off at the top", "use a picture with room above the hair"),
    "head_cut_chin": Words(
        "the head is cut off at the chin", "use a picture that shows the neck and shoulders"
    ),
    "head_cut_side": Words("the head is cut off at the side", "use a picture with room to both sides of it"),
    "head_tilted": Words("the head is tilted by {degrees} degrees", "turn the picture upright"),
    "face_enlarged": Words(
        "the picture was enlarged {times:.1f} times", "use one in which the face is larger"
    ),
    "nothing_painted": Words("nothing is painted in {names}"),
    "touched_up": Words("touched up by {names}"),
    "matte_not_stored": Words("its matte could not be stored for touch-ups: {error}"),
}
