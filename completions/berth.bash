#!/bin/bash

__berth_cursor_index_in_current_word() {
    local remaining="${COMP_LINE}"

    local word
    for word in "${COMP_WORDS[@]::COMP_CWORD}"; do
        remaining="${remaining##*([[:space:]])"${word}"*([[:space:]])}"
    done

    local -ir index="$((COMP_POINT - ${#COMP_LINE} + ${#remaining}))"
    if [[ "${index}" -le 0 ]]; then
        printf 0
    else
        printf %s "${index}"
    fi
}

# positional arguments:
#
# - 1: the current (sub)command's count of positional arguments
#
# required variables:
#
# - repeating_flags: the repeating flags that the current (sub)command can accept
# - non_repeating_flags: the non-repeating flags that the current (sub)command can accept
# - repeating_options: the repeating options that the current (sub)command can accept
# - non_repeating_options: the non-repeating options that the current (sub)command can accept
# - positional_number: value ignored
# - unparsed_words: unparsed words from the current command line
#
# modified variables:
#
# - non_repeating_flags: remove flags for this (sub)command that are already on the command line
# - non_repeating_options: remove options for this (sub)command that are already on the command line
# - positional_number: set to the current positional number
# - unparsed_words: remove all flags, options, and option values for this (sub)command
__berth_offer_flags_options() {
    local -ir positional_count="${1}"
    positional_number=0

    local was_flag_option_terminator_seen=false
    local is_parsing_option_value=false

    local -ar unparsed_word_indices=("${!unparsed_words[@]}")
    local -i word_index
    for word_index in "${unparsed_word_indices[@]}"; do
        if "${is_parsing_option_value}"; then
            # This word is an option value:
            # Reset marker for next word iff not currently the last word
            [[ "${word_index}" -ne "${unparsed_word_indices[${#unparsed_word_indices[@]} - 1]}" ]] && is_parsing_option_value=false
            unset "unparsed_words[${word_index}]"
            # Do not process this word as a flag or an option
            continue
        fi

        local word="${unparsed_words["${word_index}"]}"
        if ! "${was_flag_option_terminator_seen}"; then
            case "${word}" in
            --)
                unset "unparsed_words[${word_index}]"
                # by itself -- is a flag/option terminator, but if it is the last word, it is the start of a completion
                if [[ "${word_index}" -ne "${unparsed_word_indices[${#unparsed_word_indices[@]} - 1]}" ]]; then
                    was_flag_option_terminator_seen=true
                fi
                continue
                ;;
            -*)
                # ${word} is a flag or an option
                # If ${word} is an option, mark that the next word to be parsed is an option value
                local option
                for option in "${repeating_options[@]}" "${non_repeating_options[@]}"; do
                    [[ "${word}" = "${option}" ]] && is_parsing_option_value=true && break
                done

                # Remove ${word} from ${non_repeating_flags} or ${non_repeating_options} so it isn't offered again
                local not_found=true
                local -i index
                for index in "${!non_repeating_flags[@]}"; do
                    if [[ "${non_repeating_flags[${index}]}" = "${word}" ]]; then
                        unset "non_repeating_flags[${index}]"
                        non_repeating_flags=("${non_repeating_flags[@]}")
                        not_found=false
                        break
                    fi
                done
                if "${not_found}"; then
                    for index in "${!non_repeating_flags[@]}"; do
                        if [[ "${non_repeating_flags[${index}]}" = "${word}" ]]; then
                            unset "non_repeating_flags[${index}]"
                            non_repeating_flags=("${non_repeating_flags[@]}")
                            break
                        fi
                    done
                fi
                unset "unparsed_words[${word_index}]"
                continue
                ;;
            esac
        fi

        # ${word} is neither a flag, nor an option, nor an option value
        if [[ "${positional_number}" -lt "${positional_count}" || "${positional_count}" -lt 0 ]]; then
            # ${word} is a positional
            ((positional_number++))
            unset "unparsed_words[${word_index}]"
        else
            if [[ -z "${word}" ]]; then
                # Could be completing a flag, option, or subcommand
                positional_number=-1
            else
                # ${word} is a subcommand or invalid, so stop processing this (sub)command
                positional_number=-2
            fi
            break
        fi
    done

    unparsed_words=("${unparsed_words[@]}")

    if\
        ! "${was_flag_option_terminator_seen}"\
        && ! "${is_parsing_option_value}"\
        && [[ ("${cur}" = -* && "${positional_number}" -ge 0) || "${positional_number}" -eq -1 ]]
    then
        COMPREPLY+=($(compgen -W "${repeating_flags[*]} ${non_repeating_flags[*]} ${repeating_options[*]} ${non_repeating_options[*]}" -- "${cur}"))
    fi
}

__berth_add_completions() {
    local completion
    while IFS='' read -r completion; do
        COMPREPLY+=("${completion}")
    done < <(IFS=$'\n' compgen "${@}" -- "${cur}")
}

__berth_custom_complete() {
    if [[ -n "${cur}" || -z ${COMP_WORDS[${COMP_CWORD}]} || "${COMP_LINE:${COMP_POINT}:1}" != ' ' ]]; then
        local -ar words=("${COMP_WORDS[@]}")
    else
        local -ar words=("${COMP_WORDS[@]::${COMP_CWORD}}" '' "${COMP_WORDS[@]:${COMP_CWORD}}")
    fi

    "${COMP_WORDS[0]}" "${@}" "${words[@]}"
}

_berth() {
    local state
    state="$(shopt -p;shopt -po)"
    trap "${state//$'\n'/;}" RETURN
    shopt -s extglob
    set +o history +o posix

    local -xr SAP_SHELL=bash
    local -x SAP_SHELL_VERSION
    SAP_SHELL_VERSION="$(IFS='.';printf %s "${BASH_VERSINFO[*]}")"
    local -r SAP_SHELL_VERSION

    local -r cur="${2}"
    local -r prev="${3}"

    local -i positional_number
    local -a unparsed_words=("${COMP_WORDS[@]:1:${COMP_CWORD}}")

    local -a repeating_flags=()
    local -a non_repeating_flags=(--tls --tlsverify -h --help)
    local -a repeating_options=()
    local -a non_repeating_options=(-H --host --tlscacert --tlscert --tlskey)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-H'|'--host')
        return
        ;;
    '--tlscacert')
        return
        ;;
    '--tlscert')
        return
        ;;
    '--tlskey')
        return
        ;;
    esac

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    cni|plan|ls|graph|view|rules|trace|explain|conntrack|capture|proxy|net|repair|watch|doctor|ipam|lint|status|metrics|netns|lab|daemon|run|create|start|stop|restart|kill|pause|unpause|wait|rm|rename|update|attach|exec|cp|ps|logs|top|stats|events|inspect|port|diff|publish|images|load|save|import|export|commit|rmi|tag|network|volume|info|version|help)
        # Offer subcommand argument completions
        "_berth_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'cni plan ls graph view rules trace explain conntrack capture proxy net repair watch doctor ipam lint status metrics netns lab daemon run create start stop restart kill pause unpause wait rm rename update attach exec cp ps logs top stats events inspect port diff publish images load save import export commit rmi tag network volume info version help' -- "${cur}"))
        ;;
    esac
}

_berth_cni() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1

    # Offer positional completions
    case "${positional_number}" in
    *)
        __berth_add_completions -W 'add'$'\n''check'$'\n''del'$'\n''gc'$'\n''status'$'\n''validate'
        return
        ;;
    esac
}

_berth_plan() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=(--address --publish)
    non_repeating_options=(--interface --container --netns --as)
    __berth_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--address')
        return
        ;;
    '--interface')
        return
        ;;
    '--container')
        return
        ;;
    '--netns')
        return
        ;;
    '--publish')
        return
        ;;
    '--as')
        __berth_add_completions -W 'words'$'\n''commands'$'\n''json'
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __berth_add_completions -f
        return
        ;;
    esac
}

_berth_ls() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(--format --network)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--format')
        __berth_add_completions -W 'table'$'\n''json'
        return
        ;;
    '--network')
        return
        ;;
    esac
}

_berth_graph() {
    repeating_flags=()
    non_repeating_flags=(--lab --host --watch --ascii --json --dot --svg -h --help)
    repeating_options=(--netns)
    non_repeating_options=()
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--netns')
        return
        ;;
    esac
}

_berth_view() {
    repeating_flags=()
    non_repeating_flags=(--lab --host --open --allow-probe -h --help)
    repeating_options=()
    non_repeating_options=(--listen --still --journey)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--listen')
        return
        ;;
    '--still')
        return
        ;;
    '--journey')
        return
        ;;
    esac
}

_berth_rules() {
    repeating_flags=()
    non_repeating_flags=(--owned --all -h --help)
    repeating_options=()
    non_repeating_options=(--as --network --who)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--as')
        __berth_add_completions -W 'table'$'\n''iptables'$'\n''json'$'\n''iptables-save'
        return
        ;;
    '--network')
        return
        ;;
    '--who')
        return
        ;;
    esac
}

_berth_trace() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    send|watch|replay)
        # Offer subcommand argument completions
        "_berth_trace_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'send watch replay' -- "${cur}"))
        ;;
    esac
}

_berth_trace_send() {
    repeating_flags=()
    non_repeating_flags=(--reply --no-reply --arp --raw --bad-checksum --verbose --ascii -h --help)
    repeating_options=(--node)
    non_repeating_options=(--view --payload --timeout --count --backend -w --pcapng --source --ttl --device)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--node')
        return
        ;;
    '--view')
        __berth_add_completions -W 'path'$'\n''table'$'\n''diff'$'\n''json'
        return
        ;;
    '--payload')
        return
        ;;
    '--timeout')
        return
        ;;
    '--count')
        return
        ;;
    '--backend')
        __berth_add_completions -W 'auto'$'\n''nft'$'\n''legacy'
        return
        ;;
    '-w'|'--pcapng')
        return
        ;;
    '--source')
        return
        ;;
    '--ttl')
        return
        ;;
    '--device')
        return
        ;;
    esac
}

_berth_trace_watch() {
    repeating_flags=()
    non_repeating_flags=(--all --first --no-first --yes-really --verbose --ascii -h --help)
    repeating_options=(--node)
    non_repeating_options=(--limit --for --view --backend)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--node')
        return
        ;;
    '--limit')
        return
        ;;
    '--for')
        return
        ;;
    '--view')
        __berth_add_completions -W 'path'$'\n''table'$'\n''diff'$'\n''json'
        return
        ;;
    '--backend')
        __berth_add_completions -W 'auto'$'\n''nft'$'\n''legacy'
        return
        ;;
    esac
}

_berth_trace_replay() {
    repeating_flags=()
    non_repeating_flags=(--verbose --ascii -h --help)
    repeating_options=()
    non_repeating_options=(--view)
    __berth_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--view')
        __berth_add_completions -W 'path'$'\n''table'$'\n''diff'$'\n''json'
        return
        ;;
    esac
}

_berth_explain() {
    repeating_flags=()
    non_repeating_flags=(--who-can-reach --json --source --prove -h --help)
    repeating_options=()
    non_repeating_options=(--from-port --size)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--from-port')
        return
        ;;
    '--size')
        return
        ;;
    esac
}

_berth_conntrack() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    ls|watch|flush)
        # Offer subcommand argument completions
        "_berth_conntrack_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'ls watch flush' -- "${cur}"))
        ;;
    esac
}

_berth_conntrack_ls() {
    repeating_flags=()
    non_repeating_flags=(--tcp --udp --json -h --help)
    repeating_options=(--status)
    non_repeating_options=(--proto --src --dst --sport --dport --port --mark --zone)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--proto')
        return
        ;;
    '--src')
        return
        ;;
    '--dst')
        return
        ;;
    '--sport')
        return
        ;;
    '--dport')
        return
        ;;
    '--port')
        return
        ;;
    '--status')
        return
        ;;
    '--mark')
        return
        ;;
    '--zone')
        return
        ;;
    esac
}

_berth_conntrack_watch() {
    repeating_flags=()
    non_repeating_flags=(--tcp --udp --json -h --help)
    repeating_options=(--status)
    non_repeating_options=(--proto --src --dst --sport --dport --port --mark --zone --count --for)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--proto')
        return
        ;;
    '--src')
        return
        ;;
    '--dst')
        return
        ;;
    '--sport')
        return
        ;;
    '--dport')
        return
        ;;
    '--port')
        return
        ;;
    '--status')
        return
        ;;
    '--mark')
        return
        ;;
    '--zone')
        return
        ;;
    '--count')
        return
        ;;
    '--for')
        return
        ;;
    esac
}

_berth_conntrack_flush() {
    repeating_flags=()
    non_repeating_flags=(--tcp --udp --all --json -h --help)
    repeating_options=(--status)
    non_repeating_options=(--proto --src --dst --sport --dport --port --mark --zone)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--proto')
        return
        ;;
    '--src')
        return
        ;;
    '--dst')
        return
        ;;
    '--sport')
        return
        ;;
    '--dport')
        return
        ;;
    '--port')
        return
        ;;
    '--status')
        return
        ;;
    '--mark')
        return
        ;;
    '--zone')
        return
        ;;
    esac
}

_berth_capture() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(-w --write --device --count --for)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '-w'|'--write')
        return
        ;;
    '--device')
        return
        ;;
    '--count')
        return
        ;;
    '--for')
        return
        ;;
    esac
}

_berth_proxy() {
    repeating_flags=()
    non_repeating_flags=(--detach -d --reserve -h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 2
}

_berth_net() {
    repeating_flags=()
    non_repeating_flags=(--quiet -h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    link|address|route|neigh|bridge|sysctl|masquerade|publish|accept|policy|rules|remove|conntrack|ping|get|serve|ss)
        # Offer subcommand argument completions
        "_berth_net_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'link address route neigh bridge sysctl masquerade publish accept policy rules remove conntrack ping get serve ss' -- "${cur}"))
        ;;
    esac
}

_berth_net_link() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_address() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_route() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_neigh() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_bridge() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_sysctl() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_masquerade() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_publish() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_accept() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_policy() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_rules() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_remove() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_conntrack() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_ping() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_get() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_serve() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_net_ss() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_repair() {
    repeating_flags=()
    non_repeating_flags=(--dry-run -h --help)
    repeating_options=()
    non_repeating_options=(--network --format)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--network')
        return
        ;;
    '--format')
        __berth_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_berth_watch() {
    repeating_flags=()
    non_repeating_flags=(--dry-run -h --help)
    repeating_options=()
    non_repeating_options=(--network --format)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--network')
        return
        ;;
    '--format')
        __berth_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_berth_doctor() {
    repeating_flags=()
    non_repeating_flags=(--fix --yes --all --share --json -h --help)
    repeating_options=(--only)
    non_repeating_options=(--undo --format --root --run)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--undo')
        return
        ;;
    '--only')
        return
        ;;
    '--format')
        __berth_add_completions -W 'table'$'\n''json'
        return
        ;;
    '--root')
        return
        ;;
    '--run')
        return
        ;;
    esac
}

_berth_ipam() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    ls|check|release)
        # Offer subcommand argument completions
        "_berth_ipam_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'ls check release' -- "${cur}"))
        ;;
    esac
}

_berth_ipam_ls() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(--format --data-dir)
    __berth_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--format')
        __berth_add_completions -W 'table'$'\n''json'
        return
        ;;
    '--data-dir')
        return
        ;;
    esac
}

_berth_ipam_check() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(--format --data-dir)
    __berth_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--format')
        __berth_add_completions -W 'table'$'\n''json'
        return
        ;;
    '--data-dir')
        return
        ;;
    esac
}

_berth_ipam_release() {
    repeating_flags=()
    non_repeating_flags=(--force -h --help)
    repeating_options=()
    non_repeating_options=(--data-dir)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--data-dir')
        return
        ;;
    esac
}

_berth_lint() {
    repeating_flags=()
    non_repeating_flags=(--no-host -h --help)
    repeating_options=()
    non_repeating_options=(--format)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--format')
        __berth_add_completions -W 'table'$'\n''json'
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    *)
        __berth_add_completions -f
        return
        ;;
    esac
}

_berth_status() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(--format)
    __berth_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--format')
        __berth_add_completions -W 'table'$'\n''json'
        return
        ;;
    esac
}

_berth_metrics() {
    repeating_flags=()
    non_repeating_flags=(--doctor -h --help)
    repeating_options=()
    non_repeating_options=(--output)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--output')
        __berth_add_completions -f
        return
        ;;
    esac
}

_berth_netns() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    add|rm|ls)
        # Offer subcommand argument completions
        "_berth_netns_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'add rm ls' -- "${cur}"))
        ;;
    esac
}

_berth_netns_add() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 1
}

_berth_netns_rm() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 1
}

_berth_netns_ls() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0
}

_berth_lab() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    dashboard|list|start|status|check|hint|answer|solve|reset|undo|next|export|break|grade|trace|exec|shell|stop|page)
        # Offer subcommand argument completions
        "_berth_lab_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'dashboard list start status check hint answer solve reset undo next export break grade trace exec shell stop page' -- "${cur}"))
        ;;
    esac
}

_berth_lab_dashboard() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0
}

_berth_lab_list() {
    repeating_flags=()
    non_repeating_flags=(--json -h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0
}

_berth_lab_start() {
    repeating_flags=()
    non_repeating_flags=(--keep --ascii -h --help)
    repeating_options=()
    non_repeating_options=(--backend --view)
    __berth_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--backend')
        __berth_add_completions -W 'nft'$'\n''iptables'$'\n''net'
        return
        ;;
    '--view')
        __berth_add_completions -W 'none'$'\n''term'$'\n''web'
        return
        ;;
    esac
}

_berth_lab_status() {
    repeating_flags=()
    non_repeating_flags=(--ascii -h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0
}

_berth_lab_check() {
    repeating_flags=()
    non_repeating_flags=(--json --explain --watch --ascii -h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0
}

_berth_lab_hint() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 1
}

_berth_lab_answer() {
    repeating_flags=()
    non_repeating_flags=(--skip -h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 1
}

_berth_lab_solve() {
    repeating_flags=()
    non_repeating_flags=(--all --ascii -h --help)
    repeating_options=()
    non_repeating_options=(--step)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--step')
        return
        ;;
    esac
}

_berth_lab_reset() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(--task)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--task')
        return
        ;;
    esac
}

_berth_lab_undo() {
    repeating_flags=()
    non_repeating_flags=(--task -h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0
}

_berth_lab_next() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(--backend)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--backend')
        __berth_add_completions -W 'nft'$'\n''iptables'$'\n''net'
        return
        ;;
    esac
}

_berth_lab_export() {
    repeating_flags=()
    non_repeating_flags=(--force -h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 1
}

_berth_lab_break() {
    repeating_flags=()
    non_repeating_flags=(--keep -h --help)
    repeating_options=()
    non_repeating_options=(--seed --backend --view)
    __berth_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--seed')
        return
        ;;
    '--backend')
        __berth_add_completions -W 'nft'$'\n''iptables'$'\n''net'
        return
        ;;
    '--view')
        __berth_add_completions -W 'none'$'\n''term'$'\n''web'
        return
        ;;
    esac
}

_berth_lab_grade() {
    repeating_flags=()
    non_repeating_flags=(--json -h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_lab_trace() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    send|watch|replay)
        # Offer subcommand argument completions
        "_berth_lab_trace_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'send watch replay' -- "${cur}"))
        ;;
    esac
}

_berth_lab_trace_send() {
    repeating_flags=()
    non_repeating_flags=(--reply --no-reply --arp --raw --bad-checksum --verbose --ascii -h --help)
    repeating_options=(--node)
    non_repeating_options=(--view --payload --timeout --count --backend -w --pcapng --source --ttl --device)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--node')
        return
        ;;
    '--view')
        __berth_add_completions -W 'path'$'\n''table'$'\n''diff'$'\n''json'
        return
        ;;
    '--payload')
        return
        ;;
    '--timeout')
        return
        ;;
    '--count')
        return
        ;;
    '--backend')
        __berth_add_completions -W 'auto'$'\n''nft'$'\n''legacy'
        return
        ;;
    '-w'|'--pcapng')
        return
        ;;
    '--source')
        return
        ;;
    '--ttl')
        return
        ;;
    '--device')
        return
        ;;
    esac
}

_berth_lab_trace_watch() {
    repeating_flags=()
    non_repeating_flags=(--all --first --no-first --yes-really --verbose --ascii -h --help)
    repeating_options=(--node)
    non_repeating_options=(--limit --for --view --backend)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--node')
        return
        ;;
    '--limit')
        return
        ;;
    '--for')
        return
        ;;
    '--view')
        __berth_add_completions -W 'path'$'\n''table'$'\n''diff'$'\n''json'
        return
        ;;
    '--backend')
        __berth_add_completions -W 'auto'$'\n''nft'$'\n''legacy'
        return
        ;;
    esac
}

_berth_lab_trace_replay() {
    repeating_flags=()
    non_repeating_flags=(--verbose --ascii -h --help)
    repeating_options=()
    non_repeating_options=(--view)
    __berth_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--view')
        __berth_add_completions -W 'path'$'\n''table'$'\n''diff'$'\n''json'
        return
        ;;
    esac
}

_berth_lab_exec() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_lab_shell() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 1
}

_berth_lab_stop() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0
}

_berth_lab_page() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 1
}

_berth_daemon() {
    repeating_flags=()
    non_repeating_flags=(--tlsverify --insecure-loopback --debug -h --help)
    repeating_options=(-H --host)
    non_repeating_options=(--root --run --programs --cni-path --tlscacert --tlscert --tlskey --group --userns-remap)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-H'|'--host')
        return
        ;;
    '--root')
        return
        ;;
    '--run')
        return
        ;;
    '--programs')
        return
        ;;
    '--cni-path')
        return
        ;;
    '--tlscacert')
        return
        ;;
    '--tlscert')
        return
        ;;
    '--tlskey')
        return
        ;;
    '--group')
        return
        ;;
    '--userns-remap')
        return
        ;;
    esac
}

_berth_run() {
    repeating_flags=()
    non_repeating_flags=(-d --detach --sig-proxy --no-sig-proxy --explain --dry-run -i --interactive -t --tty --rm -P --publish-all --read-only --init --no-healthcheck --privileged --oom-kill-disable --help)
    repeating_options=(-p --publish --expose --network-alias --net-alias --dns --dns-search --dns-option --dns-opt --add-host --link -v --volume --mount --tmpfs --volumes-from --storage-opt -e --env --env-file --group-add -l --label --label-file --log-opt --annotation --cap-add --cap-drop --security-opt --device --device-cgroup-rule --sysctl --ulimit --device-read-bps --device-write-bps --device-read-iops --device-write-iops)
    non_repeating_options=(--detach-keys --name --cidfile --network --net --ip --ip6 --mac-address -h --hostname --domainname --shm-size -w --workdir -u --user --entrypoint --restart --stop-signal --stop-timeout --log-driver --health-cmd --health-interval --health-timeout --health-start-period --health-start-interval --health-retries --runtime --userns --pid --ipc --uts --cgroupns -m --memory --memory-swap --memory-reservation --memory-swappiness --oom-score-adj --cpus -c --cpu-shares --cpu-quota --cpu-period --cpuset-cpus --cpuset-mems --pids-limit --blkio-weight --cgroup-parent)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--detach-keys')
        return
        ;;
    '--name')
        return
        ;;
    '--cidfile')
        return
        ;;
    '--network'|'--net')
        return
        ;;
    '-p'|'--publish')
        return
        ;;
    '--expose')
        return
        ;;
    '--ip')
        return
        ;;
    '--ip6')
        return
        ;;
    '--mac-address')
        return
        ;;
    '--network-alias'|'--net-alias')
        return
        ;;
    '--dns')
        return
        ;;
    '--dns-search')
        return
        ;;
    '--dns-option'|'--dns-opt')
        return
        ;;
    '--add-host')
        return
        ;;
    '-h'|'--hostname')
        return
        ;;
    '--domainname')
        return
        ;;
    '--link')
        return
        ;;
    '-v'|'--volume')
        return
        ;;
    '--mount')
        return
        ;;
    '--tmpfs')
        return
        ;;
    '--volumes-from')
        return
        ;;
    '--shm-size')
        return
        ;;
    '--storage-opt')
        return
        ;;
    '-e'|'--env')
        return
        ;;
    '--env-file')
        return
        ;;
    '-w'|'--workdir')
        return
        ;;
    '-u'|'--user')
        return
        ;;
    '--group-add')
        return
        ;;
    '--entrypoint')
        return
        ;;
    '--restart')
        return
        ;;
    '--stop-signal')
        return
        ;;
    '--stop-timeout')
        return
        ;;
    '-l'|'--label')
        return
        ;;
    '--label-file')
        return
        ;;
    '--log-driver')
        return
        ;;
    '--log-opt')
        return
        ;;
    '--health-cmd')
        return
        ;;
    '--health-interval')
        return
        ;;
    '--health-timeout')
        return
        ;;
    '--health-start-period')
        return
        ;;
    '--health-start-interval')
        return
        ;;
    '--health-retries')
        return
        ;;
    '--annotation')
        return
        ;;
    '--runtime')
        return
        ;;
    '--cap-add')
        return
        ;;
    '--cap-drop')
        return
        ;;
    '--security-opt')
        return
        ;;
    '--device')
        return
        ;;
    '--device-cgroup-rule')
        return
        ;;
    '--sysctl')
        return
        ;;
    '--userns')
        return
        ;;
    '--pid')
        return
        ;;
    '--ipc')
        return
        ;;
    '--uts')
        return
        ;;
    '--cgroupns')
        return
        ;;
    '-m'|'--memory')
        return
        ;;
    '--memory-swap')
        return
        ;;
    '--memory-reservation')
        return
        ;;
    '--memory-swappiness')
        return
        ;;
    '--oom-score-adj')
        return
        ;;
    '--cpus')
        return
        ;;
    '-c'|'--cpu-shares')
        return
        ;;
    '--cpu-quota')
        return
        ;;
    '--cpu-period')
        return
        ;;
    '--cpuset-cpus')
        return
        ;;
    '--cpuset-mems')
        return
        ;;
    '--pids-limit')
        return
        ;;
    '--ulimit')
        return
        ;;
    '--blkio-weight')
        return
        ;;
    '--device-read-bps')
        return
        ;;
    '--device-write-bps')
        return
        ;;
    '--device-read-iops')
        return
        ;;
    '--device-write-iops')
        return
        ;;
    '--cgroup-parent')
        return
        ;;
    esac
}

_berth_create() {
    repeating_flags=()
    non_repeating_flags=(-i --interactive -t --tty --rm -P --publish-all --read-only --init --no-healthcheck --privileged --oom-kill-disable --help)
    repeating_options=(-p --publish --expose --network-alias --net-alias --dns --dns-search --dns-option --dns-opt --add-host --link -v --volume --mount --tmpfs --volumes-from --storage-opt -e --env --env-file --group-add -l --label --label-file --log-opt --annotation --cap-add --cap-drop --security-opt --device --device-cgroup-rule --sysctl --ulimit --device-read-bps --device-write-bps --device-read-iops --device-write-iops)
    non_repeating_options=(--name --cidfile --network --net --ip --ip6 --mac-address -h --hostname --domainname --shm-size -w --workdir -u --user --entrypoint --restart --stop-signal --stop-timeout --log-driver --health-cmd --health-interval --health-timeout --health-start-period --health-start-interval --health-retries --runtime --userns --pid --ipc --uts --cgroupns -m --memory --memory-swap --memory-reservation --memory-swappiness --oom-score-adj --cpus -c --cpu-shares --cpu-quota --cpu-period --cpuset-cpus --cpuset-mems --pids-limit --blkio-weight --cgroup-parent)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--name')
        return
        ;;
    '--cidfile')
        return
        ;;
    '--network'|'--net')
        return
        ;;
    '-p'|'--publish')
        return
        ;;
    '--expose')
        return
        ;;
    '--ip')
        return
        ;;
    '--ip6')
        return
        ;;
    '--mac-address')
        return
        ;;
    '--network-alias'|'--net-alias')
        return
        ;;
    '--dns')
        return
        ;;
    '--dns-search')
        return
        ;;
    '--dns-option'|'--dns-opt')
        return
        ;;
    '--add-host')
        return
        ;;
    '-h'|'--hostname')
        return
        ;;
    '--domainname')
        return
        ;;
    '--link')
        return
        ;;
    '-v'|'--volume')
        return
        ;;
    '--mount')
        return
        ;;
    '--tmpfs')
        return
        ;;
    '--volumes-from')
        return
        ;;
    '--shm-size')
        return
        ;;
    '--storage-opt')
        return
        ;;
    '-e'|'--env')
        return
        ;;
    '--env-file')
        return
        ;;
    '-w'|'--workdir')
        return
        ;;
    '-u'|'--user')
        return
        ;;
    '--group-add')
        return
        ;;
    '--entrypoint')
        return
        ;;
    '--restart')
        return
        ;;
    '--stop-signal')
        return
        ;;
    '--stop-timeout')
        return
        ;;
    '-l'|'--label')
        return
        ;;
    '--label-file')
        return
        ;;
    '--log-driver')
        return
        ;;
    '--log-opt')
        return
        ;;
    '--health-cmd')
        return
        ;;
    '--health-interval')
        return
        ;;
    '--health-timeout')
        return
        ;;
    '--health-start-period')
        return
        ;;
    '--health-start-interval')
        return
        ;;
    '--health-retries')
        return
        ;;
    '--annotation')
        return
        ;;
    '--runtime')
        return
        ;;
    '--cap-add')
        return
        ;;
    '--cap-drop')
        return
        ;;
    '--security-opt')
        return
        ;;
    '--device')
        return
        ;;
    '--device-cgroup-rule')
        return
        ;;
    '--sysctl')
        return
        ;;
    '--userns')
        return
        ;;
    '--pid')
        return
        ;;
    '--ipc')
        return
        ;;
    '--uts')
        return
        ;;
    '--cgroupns')
        return
        ;;
    '-m'|'--memory')
        return
        ;;
    '--memory-swap')
        return
        ;;
    '--memory-reservation')
        return
        ;;
    '--memory-swappiness')
        return
        ;;
    '--oom-score-adj')
        return
        ;;
    '--cpus')
        return
        ;;
    '-c'|'--cpu-shares')
        return
        ;;
    '--cpu-quota')
        return
        ;;
    '--cpu-period')
        return
        ;;
    '--cpuset-cpus')
        return
        ;;
    '--cpuset-mems')
        return
        ;;
    '--pids-limit')
        return
        ;;
    '--ulimit')
        return
        ;;
    '--blkio-weight')
        return
        ;;
    '--device-read-bps')
        return
        ;;
    '--device-write-bps')
        return
        ;;
    '--device-read-iops')
        return
        ;;
    '--device-write-iops')
        return
        ;;
    '--cgroup-parent')
        return
        ;;
    esac
}

_berth_start() {
    repeating_flags=()
    non_repeating_flags=(-a --attach -i --interactive -h --help)
    repeating_options=()
    non_repeating_options=(--detach-keys)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--detach-keys')
        return
        ;;
    esac
}

_berth_stop() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(-t --time --timeout -s --signal)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '-t'|'--time'|'--timeout')
        return
        ;;
    '-s'|'--signal')
        return
        ;;
    esac
}

_berth_restart() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(-t --time --timeout -s --signal)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '-t'|'--time'|'--timeout')
        return
        ;;
    '-s'|'--signal')
        return
        ;;
    esac
}

_berth_kill() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(-s --signal)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '-s'|'--signal')
        return
        ;;
    esac
}

_berth_pause() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_unpause() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_wait() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_rm() {
    repeating_flags=()
    non_repeating_flags=(-f --force -v --volumes -h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_rename() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 2
}

_berth_update() {
    repeating_flags=()
    non_repeating_flags=(--oom-kill-disable -h --help)
    repeating_options=(--ulimit --device-read-bps --device-write-bps --device-read-iops --device-write-iops)
    non_repeating_options=(-m --memory --memory-swap --memory-reservation --memory-swappiness --oom-score-adj --cpus -c --cpu-shares --cpu-quota --cpu-period --cpuset-cpus --cpuset-mems --pids-limit --blkio-weight --cgroup-parent --restart)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '-m'|'--memory')
        return
        ;;
    '--memory-swap')
        return
        ;;
    '--memory-reservation')
        return
        ;;
    '--memory-swappiness')
        return
        ;;
    '--oom-score-adj')
        return
        ;;
    '--cpus')
        return
        ;;
    '-c'|'--cpu-shares')
        return
        ;;
    '--cpu-quota')
        return
        ;;
    '--cpu-period')
        return
        ;;
    '--cpuset-cpus')
        return
        ;;
    '--cpuset-mems')
        return
        ;;
    '--pids-limit')
        return
        ;;
    '--ulimit')
        return
        ;;
    '--blkio-weight')
        return
        ;;
    '--device-read-bps')
        return
        ;;
    '--device-write-bps')
        return
        ;;
    '--device-read-iops')
        return
        ;;
    '--device-write-iops')
        return
        ;;
    '--cgroup-parent')
        return
        ;;
    '--restart')
        return
        ;;
    esac
}

_berth_attach() {
    repeating_flags=()
    non_repeating_flags=(--no-stdin --sig-proxy --no-sig-proxy -h --help)
    repeating_options=()
    non_repeating_options=(--detach-keys)
    __berth_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--detach-keys')
        return
        ;;
    esac
}

_berth_exec() {
    repeating_flags=()
    non_repeating_flags=(-d --detach -i --interactive -t --tty --privileged -h --help)
    repeating_options=(-e --env --env-file)
    non_repeating_options=(-w --workdir -u --user --detach-keys)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '-e'|'--env')
        return
        ;;
    '--env-file')
        return
        ;;
    '-w'|'--workdir')
        return
        ;;
    '-u'|'--user')
        return
        ;;
    '--detach-keys')
        return
        ;;
    esac
}

_berth_cp() {
    repeating_flags=()
    non_repeating_flags=(-a --archive -L --follow-link -q --quiet -h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 2
}

_berth_ps() {
    repeating_flags=()
    non_repeating_flags=(-a --all -q --quiet -s --size --no-trunc --net -l --latest -h --help)
    repeating_options=(-f --filter)
    non_repeating_options=(-n --last --format)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-n'|'--last')
        return
        ;;
    '-f'|'--filter')
        return
        ;;
    '--format')
        return
        ;;
    esac
}

_berth_logs() {
    repeating_flags=()
    non_repeating_flags=(-f --follow -t --timestamps -h --help)
    repeating_options=()
    non_repeating_options=(-n --tail --since --until)
    __berth_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-n'|'--tail')
        return
        ;;
    '--since')
        return
        ;;
    '--until')
        return
        ;;
    esac
}

_berth_top() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_stats() {
    repeating_flags=()
    non_repeating_flags=(-a --all --no-stream --no-trunc -h --help)
    repeating_options=()
    non_repeating_options=(--format)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--format')
        return
        ;;
    esac
}

_berth_events() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=(-f --filter)
    non_repeating_options=(--since --until --format)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--since')
        return
        ;;
    '--until')
        return
        ;;
    '-f'|'--filter')
        return
        ;;
    '--format')
        return
        ;;
    esac
}

_berth_inspect() {
    repeating_flags=()
    non_repeating_flags=(-s --size -h --help)
    repeating_options=()
    non_repeating_options=(-f --format --type)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '-f'|'--format')
        return
        ;;
    '--type')
        return
        ;;
    esac
}

_berth_port() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 2
}

_berth_diff() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 1
}

_berth_publish() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    ls|add|rm)
        # Offer subcommand argument completions
        "_berth_publish_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'ls add rm' -- "${cur}"))
        ;;
    esac
}

_berth_publish_ls() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 1
}

_berth_publish_add() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_publish_rm() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_images() {
    repeating_flags=()
    non_repeating_flags=(-a --all -q --quiet --digests --no-trunc -h --help)
    repeating_options=(-f --filter)
    non_repeating_options=(--format)
    __berth_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-f'|'--filter')
        return
        ;;
    '--format')
        return
        ;;
    esac
}

_berth_load() {
    repeating_flags=()
    non_repeating_flags=(-q --quiet -h --help)
    repeating_options=()
    non_repeating_options=(-i --input)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-i'|'--input')
        return
        ;;
    esac
}

_berth_save() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(-o --output)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '-o'|'--output')
        return
        ;;
    esac
}

_berth_import() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=(-c --change)
    non_repeating_options=(-m --message)
    __berth_offer_flags_options 2

    # Offer option value completions
    case "${prev}" in
    '-c'|'--change')
        return
        ;;
    '-m'|'--message')
        return
        ;;
    esac
}

_berth_export() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(-o --output)
    __berth_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-o'|'--output')
        return
        ;;
    esac
}

_berth_commit() {
    repeating_flags=()
    non_repeating_flags=(-p --pause --no-pause -h --help)
    repeating_options=(-c --change)
    non_repeating_options=(-a --author -m --message)
    __berth_offer_flags_options 2

    # Offer option value completions
    case "${prev}" in
    '-a'|'--author')
        return
        ;;
    '-c'|'--change')
        return
        ;;
    '-m'|'--message')
        return
        ;;
    esac
}

_berth_rmi() {
    repeating_flags=()
    non_repeating_flags=(-f --force --no-prune -h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_tag() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 2
}

_berth_network() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    create|ls|inspect|rm|prune|connect|disconnect)
        # Offer subcommand argument completions
        "_berth_network_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'create ls inspect rm prune connect disconnect' -- "${cur}"))
        ;;
    esac
}

_berth_network_create() {
    repeating_flags=()
    non_repeating_flags=(--ipv6 --internal --attachable --no-masquerade -h --help)
    repeating_options=(--subnet --gateway --ip-range -o --opt --label)
    non_repeating_options=(-d --driver --mtu --backend)
    __berth_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-d'|'--driver')
        return
        ;;
    '--subnet')
        return
        ;;
    '--gateway')
        return
        ;;
    '--ip-range')
        return
        ;;
    '--mtu')
        return
        ;;
    '--backend')
        return
        ;;
    '-o'|'--opt')
        return
        ;;
    '--label')
        return
        ;;
    esac
}

_berth_network_ls() {
    repeating_flags=()
    non_repeating_flags=(-q --quiet --no-trunc -h --help)
    repeating_options=(-f --filter)
    non_repeating_options=(--format)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-f'|'--filter')
        return
        ;;
    '--format')
        return
        ;;
    esac
}

_berth_network_inspect() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(-f --format)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '-f'|'--format')
        return
        ;;
    esac
}

_berth_network_rm() {
    repeating_flags=()
    non_repeating_flags=(-f --force -h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_network_prune() {
    repeating_flags=()
    non_repeating_flags=(-f --force -h --help)
    repeating_options=(--filter)
    non_repeating_options=()
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--filter')
        return
        ;;
    esac
}

_berth_network_connect() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=(--alias)
    non_repeating_options=(--ip --ip6)
    __berth_offer_flags_options 2

    # Offer option value completions
    case "${prev}" in
    '--ip')
        return
        ;;
    '--ip6')
        return
        ;;
    '--alias')
        return
        ;;
    esac
}

_berth_network_disconnect() {
    repeating_flags=()
    non_repeating_flags=(-f --force -h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 2
}

_berth_volume() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    create|ls|inspect|rm|prune)
        # Offer subcommand argument completions
        "_berth_volume_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'create ls inspect rm prune' -- "${cur}"))
        ;;
    esac
}

_berth_volume_create() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=(-o --opt --label)
    non_repeating_options=(-d --driver)
    __berth_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-d'|'--driver')
        return
        ;;
    '-o'|'--opt')
        return
        ;;
    '--label')
        return
        ;;
    esac
}

_berth_volume_ls() {
    repeating_flags=()
    non_repeating_flags=(-q --quiet -h --help)
    repeating_options=(-f --filter)
    non_repeating_options=(--format)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-f'|'--filter')
        return
        ;;
    '--format')
        return
        ;;
    esac
}

_berth_volume_inspect() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(-f --format)
    __berth_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '-f'|'--format')
        return
        ;;
    esac
}

_berth_volume_rm() {
    repeating_flags=()
    non_repeating_flags=(-f --force -h --help)
    repeating_options=()
    non_repeating_options=()
    __berth_offer_flags_options -1
}

_berth_volume_prune() {
    repeating_flags=()
    non_repeating_flags=(-f --force -a --all -h --help)
    repeating_options=(--filter)
    non_repeating_options=()
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--filter')
        return
        ;;
    esac
}

_berth_info() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(-f --format)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-f'|'--format')
        return
        ;;
    esac
}

_berth_version() {
    repeating_flags=()
    non_repeating_flags=(-h --help)
    repeating_options=()
    non_repeating_options=(-f --format)
    __berth_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-f'|'--format')
        return
        ;;
    esac
}

_berth_help() {
    :
}

complete -o filenames -F _berth berth
