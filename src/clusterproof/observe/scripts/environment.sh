# Sent by `freshness` where there is no python3: salted hashes of variables and files, no value.
# Arguments: the salt, and names; one that begins with a slash is a file. Prints `NAME HASH` for
# each, `NAME` alone for what is not there, and `- NAME` for each variable in its order.
salt=$1
shift
printf x | sha256sum >/dev/null || exit 127
for name; do
  case $name in
  /*) if [ -r "$name" ]; then
      set -- "$( { printf %s "$salt"; cat "$name"; } | sha256sum)"
      echo "$name ${1%% *}"
    else echo "$name"; fi ;;
  *[!A-Za-z0-9_]* | [0-9]*) exit 126 ;;
  *) if eval "[ -n \"\${$name+set}\" ]"; then
      set -- "$( { printf %s "$salt"; eval "printf %s \"\$$name\""; } | sha256sum)"
      echo "$name ${1%% *}"
    else echo "$name"; fi ;;
  esac
done
tr '\n\0' '\1\n' </proc/$$/environ | while IFS= read -r line; do
  case $line in
  [A-Za-z_]*=*) name=${line%%=*}; case $name in *[!A-Za-z0-9_]*) ;; *) echo "- $name" ;; esac ;;
  esac
done
