function __berth_should_offer_completions_for_flags_or_options -a expected_commands
    set -l non_repeating_flags_or_options $argv[2..]
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __berth_parse_tokens
    test "$commands" = "$expected_commands"; and return $non_repeating_flags_or_options_absent
end

function __berth_should_offer_completions_for_positional -a expected_commands positional_index_comparison expected_positional_index
    set -l non_repeating_flags_or_options
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __berth_parse_tokens
    test "$commands" = "$expected_commands" -a \( "$positional_index" "$positional_index_comparison" "$expected_positional_index" \)
end

function __berth_parse_tokens -S
    set -l unparsed_tokens (__berth_tokens -pc)
    switch $unparsed_tokens[1]
    case 'berth'
        __berth_parse_subcommand 0 'h/help'
        switch $unparsed_tokens[1]
        case 'cni'
            __berth_parse_subcommand -r 1 'h/help'
        case 'plan'
            __berth_parse_subcommand 1 'address=+' 'interface=' 'container=' 'netns=' 'publish=+' 'as=' 'h/help'
        case 'ls'
            __berth_parse_subcommand 0 'format=' 'network=' 'h/help'
        case 'graph'
            __berth_parse_subcommand 0 'ascii' 'h/help'
        case 'rules'
            __berth_parse_subcommand 0 'as=' 'network=' 'h/help'
        case 'repair'
            __berth_parse_subcommand 0 'network=' 'dry-run' 'format=' 'h/help'
        case 'watch'
            __berth_parse_subcommand 0 'network=' 'format=' 'h/help'
        case 'doctor'
            __berth_parse_subcommand 0 'fix' 'format=' 'h/help'
        case 'ipam'
            __berth_parse_subcommand 0 'h/help'
            switch $unparsed_tokens[1]
            case 'ls'
                __berth_parse_subcommand 1 'format=' 'data-dir=' 'h/help'
            case 'check'
                __berth_parse_subcommand 1 'format=' 'data-dir=' 'h/help'
            case 'release'
                __berth_parse_subcommand -r 2 'force' 'data-dir=' 'h/help'
            end
        case 'lint'
            __berth_parse_subcommand -r 1 'no-host' 'format=' 'h/help'
        case 'status'
            __berth_parse_subcommand 1 'format=' 'h/help'
        case 'metrics'
            __berth_parse_subcommand 0 'output=' 'doctor' 'h/help'
        case 'netns'
            __berth_parse_subcommand 0 'h/help'
            switch $unparsed_tokens[1]
            case 'add'
                __berth_parse_subcommand 1 'h/help'
            case 'rm'
                __berth_parse_subcommand 1 'h/help'
            case 'ls'
                __berth_parse_subcommand 0 'h/help'
            end
        case 'help'
            __berth_parse_subcommand -r 1 
        end
    end
end

function __berth_tokens
    if test (string split -m 1 -f 1 -- . "$FISH_VERSION") -gt 3
        commandline --tokens-raw $argv
    else
        commandline -o $argv
    end
end

function __berth_parse_subcommand -S -a positional_count
    argparse -s r -- $argv
    set -l option_specs $argv[2..]
    set -l is_repeating_positional $_flag_r
    set -el _flag_r
    set -a commands $unparsed_tokens[1]
    set positional_index 0
    while true
        set -e unparsed_tokens[1]
        argparse -sn "$commands" $option_specs -- $unparsed_tokens 2> /dev/null
        set unparsed_tokens $argv
        set positional_index (math $positional_index + 1)
        for non_repeating_flag_or_option in $non_repeating_flags_or_options
            if set -ql "_flag_$(string replace -a - _ -- $non_repeating_flag_or_option)"
                set non_repeating_flags_or_options_absent 1
                break
            end
        end
        test (count $unparsed_tokens) -eq 0 -o \( -z "$is_repeating_positional" -a "$positional_index" -gt "$positional_count" \) && break
    end
end

function __berth_complete_directories
    set -l token (commandline -t)
    string match -- '*/' $token
    set -l subdirs $token*/
    printf %s\n $subdirs
end

function __berth_custom_completion
    set -x SAP_SHELL fish
    set -x SAP_SHELL_VERSION $FISH_VERSION
    set -l tokens (__berth_tokens -p)
    if test -z "$(__berth_tokens -t)"
        set -l index (count (__berth_tokens -pc))
        set tokens $tokens[..$index] \'\' $tokens[(math $index + 1)..]
    end
    command $tokens[1] $argv $tokens
end

complete -c 'berth' -f
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth" -eq 1' -fa 'cni' -d 'Runs a network\'s plugins, as cnitool does (berth cni --help).'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth" -eq 1' -fa 'plan' -d 'What an ADD would do: in words, as commands, or as JSON.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth" -eq 1' -fa 'ls' -d 'The attachments of this host, with addresses and published ports.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth" -eq 1' -fa 'graph' -d 'A drawing of what now exists: the host, its bridges, cables and containers.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth" -eq 1' -fa 'rules' -d 'Whose rule does what, also as iptables would print it.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth" -eq 1' -fa 'repair' -d 'Brings back what was taken away from attachments that stand.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth" -eq 1' -fa 'watch' -d 'Repairs by itself whatever is taken away, within a second.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth" -eq 1' -fa 'doctor' -d 'What is wrong with berth\'s own objects, and how to mend it.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth" -eq 1' -fa 'ipam' -d 'The addresses that host-local has given: list, check, release.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth" -eq 1' -fa 'lint' -d 'Mistakes in network lists, each with its place, reason and remedy.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth" -eq 1' -fa 'status' -d 'Whether networks can take containers. Exit code 1 when one cannot.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth" -eq 1' -fa 'metrics' -d 'What berth knows of this host as numbers, in OpenMetrics text.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth" -eq 1' -fa 'netns' -d 'Network namespaces with names, as ip netns makes them.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth" -eq 1' -fa 'help' -d 'Show subcommand help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth cni" -ge 1' -fka 'add check del gc status validate'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth cni" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth plan" -eq 1' -F
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth plan"' -l 'address' -d 'Assume this address, once for each; else the first that host-local gives.' -rfka ''
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth plan" interface' -l 'interface' -d 'The interface in the container.' -rfka ''
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth plan" container' -l 'container' -d 'The container\'s id.' -rfka ''
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth plan" netns' -l 'netns' -d 'The container\'s namespace (default: /run/netns/ and the id).' -rfka ''
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth plan"' -l 'publish' -d 'A port to publish, [ip:]host:container[/proto], once for each.' -rfka ''
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth plan" as' -l 'as' -d 'words, commands (a shell script) or json.' -rfka 'words commands json'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth plan" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth ls" format' -l 'format' -d 'table or json.' -rfka 'table json'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth ls" network' -l 'network' -d 'Only this network\'s.' -rfka ''
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth ls" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth graph" ascii' -l 'ascii' -d 'Draw with + - | and > alone.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth graph" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth rules" as' -l 'as' -d 'table, iptables, iptables-save or json.' -rfka 'table iptables json iptables-save'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth rules" network' -l 'network' -d 'Only this network\'s.' -rfka ''
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth rules" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth repair" network' -l 'network' -d 'Only this network\'s attachments.' -rfka ''
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth repair" dry-run' -l 'dry-run' -d 'Says what differs and changes nothing.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth repair" format' -l 'format' -d 'text or json.' -rfka 'text json'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth repair" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth watch" network' -l 'network' -d 'Only this network\'s attachments.' -rfka ''
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth watch" format' -l 'format' -d 'text or json.' -rfka 'text json'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth watch" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth doctor" fix' -l 'fix' -d 'Mends what is berth\'s: makes again what stands, takes down what is dead.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth doctor" format' -l 'format' -d 'table or json.' -rfka 'table json'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth doctor" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth ipam" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth ipam" -eq 1' -fa 'ls' -d 'Every lease, and how many addresses each range has left.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth ipam" -eq 1' -fa 'check' -d 'Compares leases with attachments. Exit code 1 when it finds something.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth ipam" -eq 1' -fa 'release' -d 'Takes addresses back, all that are named or none.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth ipam ls" format' -l 'format' -d 'table or json.' -rfka 'table json'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth ipam ls" data-dir' -l 'data-dir' -d 'Leases of networks without a configuration (default: /var/lib/cni/networks).' -rfka ''
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth ipam ls" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth ipam check" format' -l 'format' -d 'table or json.' -rfka 'table json'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth ipam check" data-dir' -l 'data-dir' -d 'Leases of networks without a configuration (default: /var/lib/cni/networks).' -rfka ''
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth ipam check" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth ipam release" force' -l 'force' -d 'Also where an attachment uses it: the address may then be given to a second container.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth ipam release" data-dir' -l 'data-dir' -d 'Leases of networks without a configuration (default: /var/lib/cni/networks).' -rfka ''
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth ipam release" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth lint" -ge 1' -F
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth lint" no-host' -l 'no-host' -d 'Leave this host out of it: its routes, MTU, forward chains and plugins.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth lint" format' -l 'format' -d 'table or json.' -rfka 'table json'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth lint" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth status" format' -l 'format' -d 'table or json.' -rfka 'table json'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth status" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth metrics" output' -l 'output' -d 'Writes there instead of printing: the file is replaced whole, as node_exporter needs it.' -rF
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth metrics" doctor' -l 'doctor' -d 'Counts also what berth doctor finds, which looks at every attachment.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth metrics" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth netns" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth netns" -eq 1' -fa 'add' -d 'Makes a namespace and prints its path, which berth cni takes.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth netns" -eq 1' -fa 'rm' -d 'Removes a name; the namespace goes with its last process.'
complete -c 'berth' -n '__berth_should_offer_completions_for_positional "berth netns" -eq 1' -fa 'ls' -d 'The names, one a line.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth netns add" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth netns rm" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'berth' -n '__berth_should_offer_completions_for_flags_or_options "berth netns ls" h help' -s 'h' -l 'help' -d 'Show help information.'
