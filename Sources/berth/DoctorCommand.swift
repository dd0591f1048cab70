#if Daemon
    import ArgumentParser
    import CNI
    import Diagnosis
    import Glibc
    import Inspect
    import JSON
    import NetCore

    struct DoctorCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "doctor", abstract: "What is wrong on this host for containers' networks, and how to mend it.",
            discussion: """
                Looks at the kernel, forwarding, other people's firewalls, what is left over, names, the clock and the disk, and at berth's \
                own objects. Each finding has what was read, why it matters, the command that mends it and the one that takes \
                that back. Nothing is changed without --fix. What cannot be read is said to be not checked.

                A rule's or a group's name looks at that alone: kernel, forwarding, firewall, leaks, dns, time, disk, \
                firewall.docker-forward (docs/doctor.md has them all).

                Exit code 0: nothing is wrong, 1: warnings, 2: errors, 3: what was wrong is mended.

                EXAMPLE
                  berth doctor                                 only looks
                  berth doctor --only firewall                 one group
                  berth doctor --fix firewall.docker-forward   mends what one rule finds, and asks before
                  berth doctor --undo FILE                     takes that back
                  berth doctor --share                         without MACs and public addresses, to be shown to others
                """)

        @Argument(help: "Only these groups and rules.")
        var rule: [String] = []
        @Flag(help: "Mends what a command can mend, after asking; prints each command and writes how to take it back.")
        var fix = false
        @Flag(help: "With --fix: does not ask.")
        var yes = false
        @Option(help: ArgumentHelp("Takes back what a --fix changed, by the file that it wrote.", valueName: "file"))
        var undo: String?
        @Option(help: ArgumentHelp("Only this group or rule; may be said several times.", valueName: "name"))
        var only: [String] = []
        @Flag(help: "Lists also what passed, with what was read.")
        var all = false
        @Flag(help: "Replaces MACs and public addresses, each by the same word wherever it stands.")
        var share = false
        @Flag(help: "As --format json.")
        var json = false
        @Option(help: "table or json.")
        var format = ListCommand.Format.table
        @Option(help: ArgumentHelp("The daemon's, which survives a reboot.", valueName: "directory"))
        var root = "/var/lib/berth"
        @Option(name: .customLong("run"), help: ArgumentHelp("The daemon's, which does not.", valueName: "directory"))
        var runtime = "/run/berth"

        func validate() throws {
            if yes, !fix { throw ValidationError("--yes: only with --fix") }
            if undo != nil, fix || share || json || all || !rule.isEmpty || !only.isEmpty {
                throw ValidationError("--undo FILE stands alone")
            }
            _ = try selection()
        }

        private func selection() throws -> Checkup.Selection {
            do {
                return try Checkup.Selection(rule + only)
            } catch {
                let groups = RuleGroup.allCases.map(\.rawValue).joined(separator: ", ")
                let near = HealthRule.all.map { "\($0.id)" }.filter {
                    $0.hasPrefix(error.word.prefix { $0 != "." } + ".") || $0.hasSuffix(".\(error.word)")
                }
                throw ValidationError(
                    "\(error.word) is no rule: expected a group (\(groups))"
                        + (near.isEmpty
                            ? ", or a rule as firewall.docker-forward" : ", or one of \(near.joined(separator: ", "))"))
            }
        }

        func run() throws {
            if let undo { return try takeBack(undo) }
            let selection = try selection()
            let places = try places()
            var checkup = Checkup(places, selection)
            if fix { try mend(&checkup, places, selection) }
            var redaction = Redaction()
            if json || format == .json {
                let value = share ? redaction.json(checkup.json) : checkup.json
                print(value.prettyText)
            } else {
                let text = checkup.text(all: all)
                print(share ? redaction.text(text) : text, terminator: "")
            }
            throw ExitCode(checkup.exitCode)
        }

        /// Networks are those of NETCONFPATH and the daemon's own; a daemon of another root has its cache there, too.
        private func places() throws -> Examination.Places {
            var networks = try ConfiguredNetworks(in: NetworkSource.directory)
            var cache = ResultCache(environment: .process)
            let own = "\(root)/networks"
            if own != NetworkSource.directory, Files.exists(own), geteuid() == 0 {
                let daemons = try ConfiguredNetworks(in: own)
                networks = ConfiguredNetworks(
                    directory: networks.directory, networks: networks.networks + daemons.networks,
                    warnings: networks.warnings + daemons.warnings)
                if root != "/var/lib/berth" { cache = ResultCache("\(own)/.cni") }
            }
            return Examination.Places(
                state: .process, directories: LeaseDirectories(networks), cache: cache, root: root, run: runtime)
        }

        private func mend(_ checkup: inout Checkup, _ places: Examination.Places, _ selection: Checkup.Selection) throws
        {
            guard geteuid() == 0 else {
                throw InspectError(
                    .privilege, "berth doctor --fix changes this host", cause: "you are not root",
                    fix: "sudo berth doctor --fix, or without --fix to look only")
            }
            let plan = Mending.plan(checkup)
            guard !plan.isEmpty else { return }
            if !yes { try ask(plan) }
            do throws(KernelError) {
                try Mending.fix(&checkup, places, selection, folder: "\(root)/doctor") { command in
                    StandardError.write("+ \(command)\n")
                }
            } catch {
                throw InspectError(error)
            }
        }

        /// Throws where nobody can be asked, or the answer is no.
        private func ask(_ plan: [String]) throws {
            guard isatty(0) == 1, isatty(2) == 1 else {
                throw InspectError(
                    .configuration, "berth doctor --fix asks before it changes anything, and there is no terminal",
                    cause: "it would run: \(plan.joined(separator: "; "))", fix: "berth doctor --fix --yes")
            }
            StandardError.write("These would be run:\n" + plan.map { "  \($0)\n" }.joined() + "Do it? [y/N] ")
            guard ["y", "yes"].contains((readLine() ?? "").lowercased()) else {
                throw InspectError(
                    .configuration, "nothing was changed", cause: "the answer was not y",
                    fix: "berth doctor --fix, and y")
            }
        }

        private func takeBack(_ path: String) throws {
            guard geteuid() == 0 else {
                throw InspectError(
                    .privilege, "berth doctor --undo changes this host", cause: "you are not root",
                    fix: "sudo berth doctor --undo \(path)")
            }
            let failures: [String]
            do throws(KernelError) {
                failures = try Mending.undo(path) { StandardError.write("+ \($0)\n") }
            } catch {
                throw InspectError(error)
            }
            guard failures.isEmpty else {
                for failure in failures { StandardError.write("berth: \(failure)\n") }
                StandardError.write("berth: \(path) is kept: mend that, and run it again\n")
                throw ExitCode(1)
            }
            print("taken back; \(path) is removed")
        }
    }
#endif
