import CContainer
import MiniRuntime
import NetCore

/// The last steps, from the first process of the namespaces to the program.
struct ExplainedProcess {
    let spec: BundleSpec

    func tell(_ told: inout Told) {
        guard let process = spec.process else { return }
        for limit in process.limits {
            told.step(
                "a limit of its processes",
                "prlimit --pid $$ --\(limit.name.dropFirst("RLIMIT_".count).lowercased())=\(amount(limit.soft)):\(amount(limit.hard))"
            )
        }
        told.step("what it makes is not for others to write", "umask \(octal(process.mask ?? 0o022))")
        told.step(
            "the directory that it begins in",
            "mkdir -p \(word(process.directory)) && cd \(word(process.directory))")
        told.step("who it is and what it may, for the last step", "set -- " + rights(process).joined(separator: " "))
        if let filter = spec.linux.seccomp { told.step("the filter of system calls (seccomp)", "# " + words(filter)) }
        told.step(
            "the program, with its environment and nothing else of ours",
            "exec env -i " + process.environment.map { word($0) }.joined(separator: " ") + " \"$@\" "
                + process.arguments.map { word($0) }.joined(separator: " "))
    }

    private func amount(_ value: UInt64) -> String { value == .max ? "unlimited" : "\(value)" }

    private func octal(_ mask: UInt32) -> String { "0" + String(mask, radix: 8) }

    /// setpriv (man 1) and its options.
    private func rights(_ process: ProcessSpec) -> [String] {
        let bounding = process.capabilities?.bounding ?? 0
        // What this host withholds from everybody cannot be given.
        let names = CapabilityNames.all.enumerated().filter { number, _ in
            bounding & 1 << UInt64(number) != 0 && berth_bounding_has(Int32(number)) == 1
        }.map { "+" + $0.element.dropFirst("CAP_".count).lowercased() }
        let groups = process.groups.map { "\($0)" }.joined(separator: ",")
        return ["setpriv"] + (process.noNewPrivileges ? ["--no-new-privs"] : [])
            + [
                "--bounding-set=" + (["-all"] + names).joined(separator: ","), "--inh-caps=-all",
                "--regid=\(process.group)", groups.isEmpty ? "--clear-groups" : "--groups=\(groups)",
                "--reuid=\(process.user)",
            ]
    }

    private func words(_ filter: SeccompSpec) -> String {
        let calls = Set(filter.rules.flatMap(\.names)).count
        let refused = filter.rules.filter { $0.action != 0x7fff_0000 && $0.action != 0x7ffc_0000 }.flatMap(\.names)
        let size =
            "\(filter.rules.count) rules about \(calls) system calls; every other \(answer(filter.defaultAction))"
        guard !refused.isEmpty else { return size }
        return size + "; refused by name: \(Set(refused).sorted().joined(separator: " "))"
    }

    private func answer(_ action: UInt32) -> String {
        switch action & 0x7fff_0000 {
        case 0x7fff_0000: "is allowed"
        case 0x7ffc_0000: "is allowed and logged"
        case 0x0005_0000: "is answered with errno \(action & 0xffff)"
        case 0x0003_0000: "brings a signal SIGSYS"
        default: "ends the process"
        }
    }
}
