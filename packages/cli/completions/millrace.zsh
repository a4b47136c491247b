#compdef millrace
# Tab completion of millrace for zsh; `millrace completion zsh` prints it.
#
# Asks `millrace complete -- WORDS` what may stand at the cursor. Nothing of the line is evaluated.

_millrace() {
  local tab=$'\t' answer line about
  local -a candidates
  answer=$("${words[1]}" complete -- "${(@Q)words[2,CURRENT]}" 2> /dev/null)
  case $answer in
    :files) _files; return ;;
    :folders) _files -/; return ;;
  esac
  for line in "${(@f)answer}"; do
    [[ -n $line ]] || continue
    about=${line#*$tab}
    candidates+=("${${line%%$tab*}//:/\\:}${about:+:$about}")
  done
  _describe -t millrace 'millrace' candidates
}

# Read from a folder of $fpath it is the function's body; else it says what it is for.
if [[ $funcstack[1] == _millrace ]]; then
  _millrace "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _millrace millrace
fi
