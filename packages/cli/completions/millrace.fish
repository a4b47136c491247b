# Tab completion of millrace for fish; `millrace completion fish` prints it.
#
# Asks `millrace complete -- WORDS` what may stand at the cursor. Nothing of the line is evaluated.

function __millrace_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l answer ($words[1] complete -- $words[2..-1] "$word" 2>/dev/null)
    switch "$answer[1]"
        case :files
            __fish_complete_path "$word"
        case :folders
            __fish_complete_directories "$word"
        case '*'
            printf '%s\n' $answer
    end
end

complete -c millrace -f -a '(__millrace_complete)'
