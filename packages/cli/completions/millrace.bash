# Tab completion of millrace for bash 3.2 and later; `millrace completion bash` prints it.
#
# Asks `millrace complete -- WORDS` what may stand at the cursor. Nothing of the line is evaluated.

_millrace() {
  local line=${COMP_LINE:0:COMP_POINT} nl=$'\n' tab=$'\t'
  local -a words
  read -r -a words <<< "$line"
  local word=""
  if [[ $line != *[[:space:]] ]]; then
    word=${words[${#words[@]}-1]}
    unset "words[${#words[@]}-1]"
  fi
  COMPREPLY=()

  # bash takes `:` and `=` for ends of words, and puts an answer behind the last of them.
  local breaks="" before=""
  [[ $COMP_WORDBREAKS == *:* ]] && breaks+=":"
  [[ $COMP_WORDBREAKS == *=* ]] && breaks+="="
  [[ -n $breaks ]] && before=${word%"${word##*[$breaks]}"}

  local answer candidate
  answer=$("${words[0]}" complete -- "${words[@]:1}" "$word" 2> /dev/null)
  case $answer in
    # No answer of ours is readline's word to complete files (`-o default` below).
    :files) return ;;
    :folders)
      compopt -o dirnames +o default 2> /dev/null
      return
      ;;
  esac
  compopt +o default 2> /dev/null
  while IFS=$nl read -r candidate; do
    candidate=${candidate%%"$tab"*}
    [[ -n $candidate && $candidate == "$word"* ]] && COMPREPLY+=("${candidate#"$before"}")
  done <<< "$answer"
}

complete -o default -F _millrace millrace
