import Glibc
import Images
import MiniRuntime
import NetCore

/// What berth-oci makes of a bundle, from its control group to the program. The shell that the namespaces are made for goes on
/// with the commands that follow.
struct ExplainedBundle {
    let spec: BundleSpec
    let view: LayeredRoot
    /// The container's directory: what is bound from there are files.
    let own: String

    var linux: LinuxSpec { spec.linux }

    func tell(_ told: inout Told) throws(KernelError) {
        let cgroup = try Cgroup(path: linux.cgroupsPath ?? "/berth")
        let group = try cgroup.planned(linux.resources)
        tell(group, &told)
        // The root of a user namespace may not write there: the shell goes into the group before it enters that.
        let goesFirst = linux.has(.user)
        if goesFirst { tellJoins(group, &told) }
        tellNamespaces(&told)
        if !goesFirst { tellJoins(group, &told) }
        if let score = spec.process?.killScore {
            told.step(
                "its place in the order in which the kernel kills for memory",
                echo("\(score)", to: "/proc/self/oom_score_adj"))
        }
        if makes(.cgroup) {
            told.step(
                "a cgroup namespace, now that it is in its group: that is the root of what it sees",
                "exec unshare --cgroup bash")
        }
        if let name = spec.hostname { told.step("its host name", "hostname \(word(name))") }
        if let name = spec.domainName {
            told.step("its domain name", "domainname \(word(name))")
        }
        told.step(
            "its root as a mount of its own; what follows stands in it",
            "mount --rbind \(word(spec.root)) \(word(spec.root))",
            "mount --make-rslave \(word(spec.root)) && cd \(word(spec.root))")
        try tellMounts(group, &told)
        tellDevices(&told)
        tellCovers(&told)
        for one in linux.sysctls {
            if one.name == LinuxSpec.domainName {
                told.step("its domain name, as a setting of its namespaces", "domainname \(word(one.value))")
                continue
            }
            told.step(
                "a setting of its namespaces",
                echo(one.value, to: "/proc/sys/" + String(one.name.map { $0 == "." ? "/" : $0 })))
        }
        told.step(
            "its root becomes the root, and the host's is nowhere to be found; from here on programs are the image's",
            "pivot_root . . && hash -r && mount --make-rslave . && umount -l . && cd /")
        ExplainedProcess(spec: spec).tell(&told)
    }

    func makes(_ kind: NamespaceSpec.Kind) -> Bool { linux.namespaces.contains { $0.kind == kind && $0.path == nil } }

    // MARK: control group

    private func tell(_ group: CgroupPlan, _ told: inout Told) {
        for step in group.steps {
            switch step {
            case .makeDirectory(let path): told.step("a control group", "mkdir -p \(word(path))")
            case .mount(let type, let options, let place):
                let said = options.isEmpty ? "" : "-o \(word(options)) "
                told.step(
                    "control groups that are mounted nowhere in sight", "mount -t \(type) \(said)cgroup \(word(place))")
            case .write(let file, let value, let why): told.step(why, echo(value, to: file))
            case .deviceProgram(let directory, let rules):
                told.step(
                    "devices: a program of the kernel's (BPF) decides who opens which, by \(rules) rules of linux.resources.devices",
                    "# bpftool cgroup attach \(word(directory)) device …")
            }
        }
    }

    private func tellJoins(_ group: CgroupPlan, _ told: inout Told) {
        for file in group.joins {
            let isUnified = file.hasSuffix("cgroup.procs")
            told.step(
                isUnified ? "it is born in its control group (clone3)" : "it goes into its control group by itself",
                echo("0", to: file))
        }
    }

    // MARK: namespaces

    private static let options: [(NamespaceSpec.Kind, String)] = [
        (.user, "user"), (.mount, "mount"), (.names, "uts"), (.interprocess, "ipc"), (.pid, "pid"), (.network, "net"),
    ]

    private func tellNamespaces(_ told: inout Told) {
        var joined: [String] = []
        var made: [String] = []
        for (kind, option) in ExplainedBundle.options {
            guard let one = linux.namespaces.first(where: { $0.kind == kind }) else { continue }
            if let path = one.path {
                joined.append("--\(option)=\(word(path))")
            } else {
                made.append("--\(option)")
            }
        }
        let enter = joined.isEmpty ? "" : "nsenter \(joined.joined(separator: " ")) "
        told.step(
            "the first process, in namespaces of its own (the flags of clone) and in those that it shares; what is mounted inside never shows on the host",
            "exec \(enter)unshare \(made.joined(separator: " ")) --propagation slave --fork bash")
    }
}
