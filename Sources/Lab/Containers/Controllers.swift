import Glibc
import MiniRuntime
import NetCore

/// Which controllers this machine gives containers. Not all have all of them: what is not there cannot be shown.
enum Controllers {
    /// By their names in control groups v2; as it was when first asked, which must be outside of the world.
    static let offered: Set<String> = {
        guard let group = try? Cgroup(path: "/berth") else { return [] }
        return Set(["memory", "cpu", "cpuset", "pids"].filter(group.offers))
    }()

    /// Says so, and which; nil where it is there.
    static func passedOver(without controller: String) -> [String]? {
        offered.contains(controller)
            ? nil
            : [
                "passed over: this machine gives containers no controller \(controller) of control groups",
                "(cat /proc/cgroups, /sys/fs/cgroup/cgroup.controllers)",
            ]
    }
}

/// Whether the learner is root, as far as containers ask for it.
enum Root {
    /// Throws E-PRIVILEGE, with the command that does, for who is not.
    static func mustBeHere(for lesson: Lesson) throws(LabError) {
        guard geteuid() != 0 else { return }
        throw LabError(
            .privilege, "lesson \(lesson.id) needs root",
            cause: "its containers are real ones, and control groups, devices and mounts are given by root alone",
            fix: "sudo berth lab start \(lesson.id)")
    }
}
