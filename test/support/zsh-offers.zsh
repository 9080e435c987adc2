# zsh -f zsh-offers.zsh SCRIPT LINE FILE: writes what Tab offers behind LINE in an interactive zsh to FILE, on one line
#
# The line is typed into a pseudo-terminal; `compadd`, by which every completion offers its words, notes what matched.
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PROMPT=; autoload -Uz compinit; compinit -D -u; source ${(q)1}; bindkey '^I' complete-word; LISTMAX=10000"
zpty -w shell "compadd() {
  local -a offered; local code
  [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]] || builtin compadd -A offered \"\$@\"
  builtin compadd \"\$@\"; code=\$?
  (( \$#offered == 0 )) || print -r -- \$offered >>${(q)3}
  return \$code
}"
zpty -w shell "print ready >${(q)3}"
repeat 200; do [[ -s $3 ]] && break; sleep 0.05; done
zpty -n -w shell "$2"$'\t'
repeat 200; do [[ $(wc -l <$3) -gt 1 ]] && break; sleep 0.05; done
zpty -d shell
