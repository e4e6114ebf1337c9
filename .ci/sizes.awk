# Prints the sizes of what is read, tests apart: awk -f .ci/sizes.awk $(find src -name '*.rs' ! -name tests.rs)
# A function that rustfmt has laid out ends at the first line that is its indentation and a brace. Exit status 1: a file
# has more than 400 lines, or a function more than 60.

function close_file() {
    if (lines > longest_file) { longest_file = lines; file = name }
    if (lines > 400) { files_over++; over = over "\n  " name ": " lines }
}

FNR == 1 { close_file(); name = FILENAME; lines = 0; is_test = 0; end = "" }
/^#\[cfg\(test\)\]/ { is_test = 1 }
is_test { next }
{ lines++ }
end == "" && /^ *(pub(\([a-z]+\))? )?((const|async|unsafe) )*fn / {
    match($0, /^ */)
    end = substr($0, 1, RLENGTH) "}"
    start = FNR
    # The body may stand on the same line, or be missing.
    if ($0 ~ /[;}]$/) { end = "" }
    next
}
end != "" && $0 == end {
    length_ = FNR - start + 1
    end = ""
    if (length_ > longest_function) { longest_function = length_; function_ = FILENAME ":" start }
    if (length_ > 60) { functions_over++; over = over "\n  " FILENAME ":" start ": " length_ }
}

END {
    close_file()
    print "longest file: " longest_file " lines (" file ")"
    print "longest function: " longest_function " lines (" function_ ")"
    print "functions over 60 lines: " functions_over + 0
    print "files over 400 lines: " files_over + 0 over
    if (functions_over + files_over) exit 1
}
