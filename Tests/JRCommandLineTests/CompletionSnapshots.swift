import JRCommandLine
import Testing

@Suite struct CompletionSnapshots {
    @Test("bash completes verbs, options and fixed values")
    func bash() {
        expectSame(
            sample.completions(for: .bash),
            #"""
            # bash completion for jr: source it, or put it into the directory of completions.
            _jr() {
                local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD - 1]}" verb="" words="" index
                for ((index = 1; index < COMP_CWORD; index++)); do
                    case "${COMP_WORDS[index]}" in
                        enqueue|journal|exec) verb="${verb:-${COMP_WORDS[index]}}" ;;
                        --) return ;;
                    esac
                done
                case "$verb" in
                enqueue)
                    words="--count --follow --not-node --status --after --url --json --no-color --help --version --completion --manual"
                    case "$before" in
                    --status) words="new queued complete" ;;
                    --completion) words="bash zsh fish" ;;
                    --count|-n|--not-node|--after|--url|-u) return ;;
                    esac
                    ;;
                journal)
                    words="verify dump --url --json --no-color --help --version --completion --manual"
                    case "$before" in
                    --completion) words="bash zsh fish" ;;
                    --url|-u) return ;;
                    esac
                    ;;
                exec)
                    words="--url --json --no-color --help --version --completion --manual"
                    case "$before" in
                    --completion) words="bash zsh fish" ;;
                    --url|-u) return ;;
                    esac
                    ;;
                *)
                    words="enqueue journal exec --url --json --no-color --help --version --completion --manual"
                    case "$before" in
                    --completion) words="bash zsh fish" ;;
                    --url|-u) return ;;
                    esac
                    ;;
                esac
                COMPREPLY=($(compgen -W "$words" -- "$word"))
            }
            complete -o default -F _jr jr

            """#)
    }

    @Test("zsh completes verbs, options and fixed values, with their help")
    func zsh() {
        expectSame(
            sample.completions(for: .zsh),
            #"""
            #compdef jr
            _jr() {
                local state line
                local -a verbs=(
                    'enqueue:Give a job to a distributor and print its id'
                    'journal:Check the journal of a node'
                    'exec:Run a command in a cluster'
                )
                _arguments -C \
                    '--url[Where the distributor listens]:URL:_files' \
                    '-u[Where the distributor listens]:URL:_files' \
                    '--json[Print JSON lines]' \
                    '--no-color[Print without colours]' \
                    '--help[Show this help and exit]' \
                    '-h[Show this help and exit]' \
                    '--version[Show the version and exit]' \
                    '--completion[Print a completion script and exit]:SHELL:(bash zsh fish)' \
                    '--manual[Print the manual page (roff) and exit]' \
                    '1:verb:->verb' '*::argument:->argument'
                if [[ "$state" == verb ]]; then _describe verb verbs; return; fi
                case "$words[1]" in
                enqueue)
                    _arguments \
                        '--count[How many times]:N:_files' \
                        '-n[How many times]:N:_files' \
                        '--follow[Show what happens to it]' \
                        '-f[Show what happens to it]' \
                        '*--not-node[A node that must not run it]:NODE:_files' \
                        '--status[Only in this state]:STATUS:(new queued complete)' \
                        '--after[How long to wait before it runs; a node keeps the job until then, and runs it as soon as it is due]:DURATION:_files' \
                        '--url[Where the distributor listens]:URL:_files' \
                        '-u[Where the distributor listens]:URL:_files' \
                        '--json[Print JSON lines]' \
                        '--no-color[Print without colours]' \
                        '--help[Show this help and exit]' \
                        '-h[Show this help and exit]' \
                        '--version[Show the version and exit]' \
                        '--completion[Print a completion script and exit]:SHELL:(bash zsh fish)' \
                        '--manual[Print the manual page (roff) and exit]' \
                        '1:NAME:_files' \
                        '*:KEY=VALUE:_files'
                    ;;
                journal)
                    _arguments \
                        '--url[Where the distributor listens]:URL:_files' \
                        '-u[Where the distributor listens]:URL:_files' \
                        '--json[Print JSON lines]' \
                        '--no-color[Print without colours]' \
                        '--help[Show this help and exit]' \
                        '-h[Show this help and exit]' \
                        '--version[Show the version and exit]' \
                        '--completion[Print a completion script and exit]:SHELL:(bash zsh fish)' \
                        '--manual[Print the manual page (roff) and exit]' \
                        '1:ACTION:(verify dump)' \
                        '2:DIR:_files'
                    ;;
                exec)
                    _arguments \
                        '--url[Where the distributor listens]:URL:_files' \
                        '-u[Where the distributor listens]:URL:_files' \
                        '--json[Print JSON lines]' \
                        '--no-color[Print without colours]' \
                        '--help[Show this help and exit]' \
                        '-h[Show this help and exit]' \
                        '--version[Show the version and exit]' \
                        '--completion[Print a completion script and exit]:SHELL:(bash zsh fish)' \
                        '--manual[Print the manual page (roff) and exit]' \
                        '*:command:_files'
                    ;;
                esac
            }
            if [[ "$funcstack[1]" == _jr ]]; then
                _jr "$@"
            else
                compdef _jr jr
            fi

            """#)
    }

    @Test("fish completes verbs, options and fixed values, with their help")
    func fish() {
        expectSame(
            sample.completions(for: .fish),
            #"""
            # fish completion for jr
            complete -c jr -l url -s u -r -d 'Where the distributor listens'
            complete -c jr -l json -d 'Print JSON lines'
            complete -c jr -l no-color -d 'Print without colours'
            complete -c jr -l help -s h -d 'Show this help and exit'
            complete -c jr -l version -d 'Show the version and exit'
            complete -c jr -l completion -x -a 'bash zsh fish' -d 'Print a completion script and exit'
            complete -c jr -l manual -d 'Print the manual page (roff) and exit'
            complete -c jr -n __fish_use_subcommand -f -a enqueue -d 'Give a job to a distributor and print its id'
            complete -c jr -n __fish_use_subcommand -f -a journal -d 'Check the journal of a node'
            complete -c jr -n __fish_use_subcommand -f -a exec -d 'Run a command in a cluster'
            complete -c jr -n '__fish_seen_subcommand_from enqueue' -l count -s n -r -d 'How many times'
            complete -c jr -n '__fish_seen_subcommand_from enqueue' -l follow -s f -d 'Show what happens to it'
            complete -c jr -n '__fish_seen_subcommand_from enqueue' -l not-node -r -d 'A node that must not run it'
            complete -c jr -n '__fish_seen_subcommand_from enqueue' -l status -x -a 'new queued complete' -d 'Only in this state'
            complete -c jr -n '__fish_seen_subcommand_from enqueue' -l after -r -d 'How long to wait before it runs; a node keeps the job until then, and runs it as soon as it is due'
            complete -c jr -n '__fish_seen_subcommand_from journal' -a 'verify dump'

            """#)
    }

    @Test("bash completes a program without verbs")
    func plainBash() {
        expectSame(
            plain.completions(for: .bash),
            #"""
            # bash completion for jr-node: source it, or put it into the directory of completions.
            _jr_node() {
                local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD - 1]}" verb="" words="" index
                for ((index = 1; index < COMP_CWORD; index++)); do
                    case "${COMP_WORDS[index]}" in
                        --) return ;;
                    esac
                done
                case "$verb" in
                *)
                    words="--credit --help --version --completion --manual"
                    case "$before" in
                    --completion) words="bash zsh fish" ;;
                    --credit) return ;;
                    esac
                    ;;
                esac
                COMPREPLY=($(compgen -W "$words" -- "$word"))
            }
            complete -o default -F _jr_node jr-node

            """#)
    }

    @Test("zsh completes a program without verbs")
    func plainZsh() {
        expectSame(
            plain.completions(for: .zsh),
            #"""
            #compdef jr-node
            _jr_node() {
                local state line
                _arguments \
                    '--credit[Jobs to hold at once]:N:_files' \
                    '--help[Show this help and exit]' \
                    '-h[Show this help and exit]' \
                    '--version[Show the version and exit]' \
                    '--completion[Print a completion script and exit]:SHELL:(bash zsh fish)' \
                    '--manual[Print the manual page (roff) and exit]' \
                    '1:DIR:_files' \
                    '2:NAME:_files'
            }
            if [[ "$funcstack[1]" == _jr_node ]]; then
                _jr_node "$@"
            else
                compdef _jr_node jr-node
            fi

            """#)
    }
}
