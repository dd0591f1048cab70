import NetCore

/// What `berth-cni` was asked to do: its arguments, read.
struct RuntimeInvocation: Hashable {
    enum Operation: String, CaseIterable {
        case add, check, del, gc, status, validate

        /// Whether it concerns one attachment and so needs a namespace.
        var hasAttachment: Bool { self == .add || self == .check || self == .del }
    }

    /// What is wrong with the arguments, as a sentence.
    struct UsageError: Error, Hashable {
        let sentence: String
    }

    let operation: Operation
    /// A name in NETCONFPATH, or a file.
    let network: String
    let netns: String?
    var interface: String?
    var force = false
    var allOwners = false
    /// `--keep`; nil without any, empty with `--all`.
    var valid: [ValidAttachment]?

    /// Nil when help is asked for.
    init?(_ arguments: [String]) throws(UsageError) {
        var words: [String] = []
        var flags: [(name: String, value: String)] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "-h", "--help",
                "help" where words.isEmpty:
                return nil
            case "--":
                words += rest
                rest = []
            case "-i", "--ifname", "--keep":
                guard let value = rest.popFirst() else {
                    throw UsageError(sentence: "\(argument) needs a value")
                }
                flags.append((argument, value))
            default:
                if argument.hasPrefix("--ifname=") || argument.hasPrefix("--keep=") {
                    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                    flags.append((String(parts[0]), String(parts[1])))
                } else if argument.hasPrefix("-") {
                    flags.append((argument, ""))
                } else {
                    words.append(argument)
                }
            }
        }
        guard let verb = words.first else { throw UsageError(sentence: "no operation was given") }
        guard let operation = Operation(rawValue: verb) else {
            throw UsageError(sentence: "unknown operation \"\(verb)\"")
        }
        guard words.count >= 2, !words[1].isEmpty else {
            throw UsageError(sentence: "\(verb) needs a network: a name in NETCONFPATH or a file")
        }
        guard words.count <= 3 else {
            throw UsageError(sentence: "\(verb) takes a network and a namespace, \"\(words[3])\" is too much")
        }
        guard words.count == 3 || !operation.hasAttachment else {
            throw UsageError(sentence: "\(verb) needs the path of a network namespace")
        }
        self.operation = operation
        network = words[1]
        netns = words.count == 3 && !words[2].isEmpty ? words[2] : nil
        guard netns != nil || !operation.hasAttachment || operation == .del else {
            throw UsageError(sentence: "\(verb) needs the path of a network namespace, \"\" is none")
        }
        for flag in flags { try apply(flag.name, flag.value) }
    }

    private mutating func apply(_ flag: String, _ value: String) throws(UsageError) {
        switch (flag, operation) {
        case ("-i", _), ("--ifname", _): interface = value
        case ("--force", .del): force = true
        case ("--all-owners", .gc): allOwners = true
        case ("--keep", .gc): valid = try (valid ?? []) + [RuntimeInvocation.attachment(value)]
        case ("--all", .gc): valid = valid ?? []
        default: throw UsageError(sentence: "\(operation.rawValue) does not know \(flag)")
        }
    }

    /// `containerID/interface`: neither can hold a slash.
    private static func attachment(_ text: String) throws(UsageError) -> ValidAttachment {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, Names.isValid(parts[0]), LinkName(parts[1]) != nil else {
            throw UsageError(sentence: "--keep \"\(text)\" is not CONTAINERID/INTERFACE")
        }
        return ValidAttachment(containerID: parts[0], interface: parts[1])
    }

    static let help = """
        usage: berth-cni add|check|del NETWORK NETNS [-i INTERFACE] [--force]
               berth-cni gc NETWORK [--keep CONTAINERID/INTERFACE]... [--all] [--all-owners]
               berth-cni status|validate NETWORK

        Runs the CNI plugins of a network as a container engine does.

          NETWORK   a name among the lists in NETCONFPATH, or a .conflist file
          NETNS     the path of the container's network namespace; for del it may be gone, or ""

          -i, --ifname INTERFACE   the interface's name in the container (CNI_IFNAME, else eth0)
          --force                  del: go on past a plugin that fails
          --keep ID/INTERFACE      gc: an attachment that stays; without any, those whose namespace exists stay
          --all                    gc: no attachment stays but those of --keep
          --all-owners             gc: attachments that another runtime made may go too

        Environment:
          CNI_PATH              directories of plugins, separated by ":"
          NETCONFPATH           the directory of the lists (/etc/cni/net.d)
          CNI_ARGS              KEY=value;KEY2=value2 for the plugins
          CAP_ARGS              capability arguments, a JSON object: {"portMappings": [...]}
          CNI_IFNAME            the interface's name in the container (eth0)
          CNI_CONTAINERID       the container's id (cnitool-, 20 hex digits of SHA-512 of NETNS)
          BERTH_PLUGIN_TIMEOUT  seconds that one executed plugin may take (60)
          BERTH_CNI_CACHE_DIR   where attachments are remembered (/var/lib/cni)
          BERTH_CNI_CALLER      the caller's pid; add does nothing when that has ended before
          BERTH_CNI_OWNER       who attaches; gc leaves the attachments of others alone (berth-cni)
          BERTH_STATE_DIR       where locks stand (/run/berth)

        """
}
