import CContainer
import Glibc
import NetCore

/// The open groups that a new process goes to: of version 2 it is born in its group, into those of version 1 it writes itself.
/// Another process that moved it would wait for all processors first, up to ten milliseconds (percpu_down_write in the kernel's
/// cgroup_procs_write_start, which a thread that moves itself is spared).
struct CgroupPlaces {
    /// -1 without version 2.
    private(set) var birth: Int32
    private let tasks: [(file: Int32, name: String)]

    init(_ cgroup: Cgroup?) throws(KernelError) {
        var birth: Int32 = -1
        var tasks: [(file: Int32, name: String)] = []
        for hierarchy in cgroup?.present ?? [] {
            let directory = hierarchy.directory(cgroup?.path ?? "/")
            switch hierarchy.version {
            case .v1:
                let name = "\(directory)/tasks"
                tasks.append((try OwnedDescriptor(open: name, O_WRONLY).release(), name))
            case .v2: birth = try OwnedDescriptor(open: directory, O_RDONLY | O_DIRECTORY).release()
            }
        }
        self.birth = birth
        self.tasks = tasks
    }

    /// The calling process, which has one thread, is in the groups.
    func enter() throws(KernelError) {
        for (file, name) in tasks {
            do throws(KernelError) {
                try check("write 0 to \(name)") { write(file, "0", 1) }
            } catch  where error.errno.rawValue == ENOSPC {
                throw KernelError(
                    error.operation, error.errno,
                    "its cpuset has no processors or no memory nodes: give it cpu.cpus and cpu.mems")
            }
        }
    }

    /// A process is born where `pid` is, in the group or below it; where that is elsewhere nothing changes. In version 2 a group that
    /// passes limits on, as that of a container with systemd or an engine in it, takes no processes itself.
    mutating func moveBirth(to pid: pid_t, in cgroup: Cgroup?) throws(KernelError) {
        guard let cgroup, let hierarchy = cgroup.present.first(where: { $0.version == .v2 }) else { return }
        let text = String(decoding: try Files.read("/proc/\(pid)/cgroup"), as: UTF8.self)
        let group = hierarchy.root == "/" ? cgroup.path : hierarchy.root + cgroup.path
        guard let place = CgroupMembership.list(text).first(where: { $0.version == .v2 })?.path,
            place.hasPrefix(group + "/")
        else { return }
        let directory = hierarchy.directory(cgroup.path) + place.dropFirst(group.count)
        let moved = try OwnedDescriptor(open: directory, O_RDONLY | O_DIRECTORY).release()
        Glibc.close(birth)
        birth = moved
    }

    func close() {
        if birth >= 0 { Glibc.close(birth) }
        for (file, _) in tasks { Glibc.close(file) }
    }
}
