import CKernel
import Glibc
import NetCore

/// A command of the host's, run without a shell.
enum HostCommand {
    /// Nil when it succeeded; else what failed, with its own words. `sysctl -w` and `berth conntrack flush` need no program.
    static func run(_ command: [String]) -> String? {
        let words = Checkup.words([command], or: "")
        guard let name = command.first else { return nil }
        if let (path, value) = parameter(command) {
            do throws(KernelError) {
                try Sysctl.write(path, value)
                return nil
            } catch {
                return "\(words): \(error)"
            }
        }
        if command.count == 5, Array(command.prefix(3)) == ["berth", "conntrack", "flush"] {
            do throws(KernelError) {
                try forget(command[3], command[4])
                return nil
            } catch {
                return "\(words): \(error)"
            }
        }
        guard let program = find(name) else {
            return "\(words): there is no program \(name) in \(path)"
        }
        do throws(KernelError) {
            // What hangs (a lock of xtables, a bus) is ended.
            let outcome = try ChildProcess(
                path: program, arguments: Array(command.dropFirst()), environment: environment, input: [], seconds: 60
            ).run()
            if outcome.exitStatus == 0 { return nil }
            let said = String(decoding: outcome.errors + outcome.output.suffix(1000), as: UTF8.self)
                .split(separator: "\n").joined(separator: " ")
            let end =
                outcome.timedOut
                ? "did not end within 60 s" : outcome.exitStatus.map { "exit code \($0)" } ?? "ended by a signal"
            return "\(words): \(end)\(said.isEmpty ? "" : ": \(said.harmless)")"
        } catch {
            return "\(words): \(error)"
        }
    }

    /// Why an undo is left: the parameter is not what the fix had set, so that somebody else changed it since.
    static func changedSince(_ undo: [String], _ fixes: [[String]]) -> String? {
        guard let (path, old) = parameter(undo) else { return nil }
        for fix in fixes {
            guard let (fixed, value) = parameter(fix), fixed == path else { continue }
            let now = try? Sysctl.read(path)
            if let now, now != value, now != old { return "\(path.dotted) is \(now) by now, not \(value)" }
        }
        return nil
    }

    /// `sysctl -w NAME=VALUE`.
    private static func parameter(_ command: [String]) -> (path: String, value: String)? {
        guard command.count == 3, command[0] == "sysctl", command[1] == "-w" else { return nil }
        let parts = command[2].split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, let path = Sysctl.path(parts[0]) else { return nil }
        return (path, parts[1])
    }

    private static var path: String {
        getenv("PATH").map { String(cString: $0) } ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    }

    private static var environment: [String] {
        ["PATH=\(path):/usr/sbin:/sbin", "LC_ALL=C"]
            + kept.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
    }

    /// Where berth's things are, and firewalld's bus.
    private static let kept: [String] = [
        "BERTH_STATE_DIR", "NETCONFPATH", "BERTH_CNI_CACHE_DIR", "DBUS_SYSTEM_BUS_ADDRESS",
    ]

    /// As berth conntrack flush: `--src`, who began the flow; `--dst`, where it was sent to, or what NAT made of that.
    private static func forget(_ option: String, _ text: String) throws(KernelError) {
        guard let address = IPAddress(text) else { return }
        var socket = try NetlinkSocket(NETLINK_NETFILTER)
        let flows = try socket.flows(address.family).filter {
            option == "--src"
                ? $0.original.source == address
                : $0.original.destination == address || $0.reply.source == address
        }
        try socket.forget(flows)
    }

    private static func find(_ name: String) -> String? {
        if name.contains("/") { return name }
        for folder in "\(path):/usr/sbin:/sbin".split(separator: ":") where access("\(folder)/\(name)", X_OK) == 0 {
            return "\(folder)/\(name)"
        }
        return nil
    }
}
