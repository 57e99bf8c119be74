-- SPDX-License-Identifier: MIT
-- Writes the completion for bash. It works with the package bash-completion and without it.

local model = require "pages.model"

local M = {}

-- What the script consists of besides its tables.
local HEAD = [[
# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# Completion of the command predibase for bash.
# Made by tools/pages.lua from the options of the command; make pages.

# Each of the next three functions is a table; they set variables of _predibase.
]]

local TAIL = [==[

# Divides the command line before the cursor into words. bash divides words at
# = and @, too; they are joined again where there is no blank between them.
_predibase_words () {
  local line=${COMP_LINE:0:COMP_POINT} rest word i n=-1
  words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    rest=${line#"${line%%[![:space:]]*}"}
    if [ "$i" -eq "$COMP_CWORD" ]; then word=$rest; fi
    if [ "$rest" = "$line" ] && [ "$n" -ge 0 ]; then
      words[n]=${words[n]}$word
    else
      n=$((n + 1))
      words[n]=$word
    fi
    line=${rest#"$word"}
  done
}

# _predibase_reply PREFIX COMMAND...: adds what the command prints to the
# answers, each with PREFIX in front. bash replaces only what follows the last
# of its word breaks, so the part of the word before that is cut off. An @ is
# a word break that belongs to what follows.
_predibase_reply () {
  local prefix=$1 cut='' before=$cur item
  shift
  while [ -n "$before" ]; do
    case $before in
      *[=:@])
        case $COMP_WORDBREAKS in *"${before: -1}"*) cut=${before%@}; break ;; esac ;;
    esac
    before=${before%?}
  done
  while IFS= read -r item; do
    item=$prefix$item
    COMPREPLY[${#COMPREPLY[@]}]=${item#"$cut"}
  done < <("$@")
}

# _predibase_files PREFIX START: completes the names of files. readline quotes
# what it inserts, so quotes and backslashes of what was typed are removed.
_predibase_files () {
  local start=$2
  case $start in
    [\"\']*) start=${start#?} ;;
    *) start=${start//\\/} ;;
  esac
  type compopt >/dev/null 2>&1 && compopt -o filenames
  _predibase_reply "$1" compgen -f -- "$start"
}

# The same after an @, which readline would quote as a part of the name. So the
# names are quoted here.
_predibase_at_files () {
  local path word
  while IFS= read -r path; do
    case $cur in
      [\"\']*) word=$path ;;
      *) printf -v word %q "$path" ;;
    esac
    if [ -d "$path" ]; then
      word=$word/
      type compopt >/dev/null 2>&1 && compopt -o nospace
    fi
    _predibase_reply "$1" echo "$word"
  done < <(compgen -f -- "${2//\\/}")
}

# _predibase_value PREFIX START: completes a value of the current kind.
_predibase_value () {
  local before
  if [ -n "$values" ]; then
    _predibase_reply "$1" compgen -W "$values" -- "$2"
    return
  fi
  case $kind in
    file) _predibase_files "$1" "$2" ;;
    at_file) case $2 in @*) _predibase_at_files "$1@" "${2#@}" ;; esac ;;
    pair)
      case $2 in
        *=@*)
          before=${2%%=@*}=@
          _predibase_at_files "$1$before" "${2#"$before"}" ;;
      esac ;;
  esac
}

# Completes the names of options that can still be given.
_predibase_names () {
  local name other list=''
  for name in $names; do
    _predibase_option "$command" "$name"
    case " $used " in *" $name "*) [ "$many" = yes ] || continue ;; esac
    for other in $excludes; do
      case " $used " in *" $other "*) continue 2 ;; esac
    done
    list="$list $name"
  done
  _predibase_reply '' compgen -W "$list" -- "$cur"
}

# Reads the words before the cursor: sets command, used, given (the number of
# arguments), ended (after --) and waiting (the option whose value is next).
_predibase_scan () {
  local i word
  for ((i = 1; i < ${#words[@]} - 1; i++)); do
    word=${words[i]}
    if [ -n "$waiting" ]; then
      waiting=''
    elif [ -z "$ended" ] && [ "$word" = -- ]; then
      ended=yes
    elif [ -z "$ended" ] && [ "${word#-?}" != "$word" ]; then
      used="$used ${word%%=*}"
      _predibase_option "$command" "${word%%=*}"
      case $word in
        *=*) ;;
        *) [ -z "$kind" ] || waiting=$word ;;
      esac
    elif [ -z "$command" ]; then
      command=$word
    elif [ "$command $word" = "batch merge" ] && [ "$i" -eq 2 ]; then
      command="batch merge"
    else
      given=$((given + 1))
      _predibase_argument "$command" "$given"
      used="$used $argument"
    fi
  done
}

_predibase () {
  local cur words names kind many excludes values argument
  local command='' used='' given=0 ended='' waiting='' other
  COMPREPLY=()
  _predibase_words
  cur=${words[${#words[@]} - 1]}
  _predibase_scan
  _predibase_command "$command"
  if [ -n "$waiting" ]; then
    _predibase_option "$command" "$waiting"
    _predibase_value '' "$cur"
    return
  fi
  if [ -z "$ended" ]; then
    case $cur in
      --*=*)
        _predibase_option "$command" "${cur%%=*}"
        _predibase_value "${cur%%=*}=" "${cur#*=}"
        return ;;
      -*) _predibase_names; return ;;
    esac
  fi
  if [ -z "$command" ]; then
    _predibase_reply '' compgen -W "$commands" -- "$cur"
    return
  fi
  _predibase_argument "$command" $((given + 1))
  for other in $excludes; do
    case " $used " in *" $other "*) return ;; esac
  done
  if [ "$command:$given" = batch:0 ] && [ "${#words[@]}" -eq 3 ]; then
    _predibase_reply '' compgen -W merge -- "$cur"
  fi
  if [ -n "$kind" ]; then
    _predibase_value '' "$cur"
  elif [ -z "$cur$ended" ]; then
    _predibase_names
  fi
}

complete -F _predibase predibase
]==]

local function quoted (text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- The assignments of an option or argument, as text.
local function assignments (element)
  return ("kind=%s many=%s excludes=%s values=%s"):format(element.kind or "''",
    element.many and "yes" or "''", quoted(table.concat(element.excludes, " ")),
    quoted(table.concat(element.values or {}, " ")))
end

-- Returns for each option what most commands that have it say, and the exceptions.
local function shared (commands)
  local counts = {}
  for _, command in ipairs(commands) do
    for _, option in ipairs(model.options(command)) do
      local text = assignments(option)
      local of = counts[option.name] or {}
      counts[option.name] = of
      of[text] = (of[text] or 0) + 1
    end
  end
  local usual = {}
  for name, of in pairs(counts) do
    for text, count in pairs(of) do
      local best = usual[name]
      if not best or count > of[best] or count == of[best] and text < best then
        usual[name] = text
      end
    end
  end
  return usual
end

-- Writes the function _predibase_option.
local function options_table (add, commands)
  local usual = shared(commands)
  add "# _predibase_option COMMAND OPTION: sets kind (nothing for a flag), many, excludes, values."
  add "_predibase_option () {"
  add "  kind='' many='' excludes='' values=''"
  add "  case \"$1 $2\" in"
  local names, by_text = {}, {}
  for _, command in ipairs(commands) do
    for _, option in ipairs(model.options(command)) do
      local text = assignments(option)
      if text ~= usual[option.name] then
        add(("    %s) %s; return ;;"):format(quoted(command.name .. " " .. option.name), text))
      end
    end
  end
  for name, text in pairs(usual) do
    by_text[text] = by_text[text] or {}
    table.insert(by_text[text], name)
  end
  for text, list in pairs(by_text) do
    table.sort(list)
    if text ~= "kind='' many='' excludes='' values=''" then names[#names + 1] = { list, text } end
  end
  table.sort(names, function (a, b) return a[1][1] < b[1][1] end)
  add "  esac"
  add "  case $2 in"
  for _, pair in ipairs(names) do
    add(("    %s)\n      %s ;;"):format(table.concat(pair[1], " | \\\n    "), pair[2]))
  end
  add "  esac"
  add "}"
end

--- Writes the script.
-- @tparam table commands of `pages.model`
-- @treturn string
function M.script (commands)
  local lines = { (HEAD:gsub("\n$", "")) }
  local function add (line) lines[#lines + 1] = line end
  local words = {}
  add ""
  options_table(add, commands)
  add ""
  add "# _predibase_command COMMAND: sets names (of its options) and commands."
  add "_predibase_command () {"
  add "  names=''"
  add "  case $1 in"
  for _, command in ipairs(commands) do
    local names = {}
    for _, option in ipairs(model.options(command)) do
      for _, name in ipairs(option.names) do
        if #name > 2 then names[#names + 1] = name end
      end
    end
    add(("    %s) names='%s' ;;"):format(quoted(command.name), table.concat(names, " ")))
    if command.name ~= "" and not command.name:find " " then words[#words + 1] = command.name end
  end
  add "  esac"
  add(("  commands='%s'"):format(table.concat(words, " ")))
  add "}"
  add ""
  add "# _predibase_argument COMMAND NUMBER: sets argument (its name), kind, excludes, values."
  add "_predibase_argument () {"
  add "  argument='' kind='' many='' excludes='' values=''"
  add "  case \"$1 $2\" in"
  for _, command in ipairs(commands) do
    for i, argument in ipairs(command.arguments) do
      add(("    %s) argument=%s %s ;;"):format(quoted(("%s %d"):format(command.name, i)),
        argument.name, assignments(argument)))
    end
  end
  add "  esac"
  add "}"
  return table.concat(lines, "\n") .. "\n" .. TAIL
end

return M
