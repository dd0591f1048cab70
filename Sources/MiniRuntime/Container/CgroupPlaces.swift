import CContainer
import Glibc
import NetCore

/// The open groups that a new process goes to: of version 2 it is born in its group, into those of version 1 it writes itself.
/// Another process that moved it would wait for all processors first, up to ten milliseconds (percpu_down_write in the kernel's
/// cgroup_procs_write_start, which a thread that moves itself is spared).
struct CgroupPlaces {
    /// -1 without version 2.
    let birth: Int32
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

    func close() {
        if birth >= 0 { Glibc.close(birth) }
        for (file, _) in tasks { Glibc.close(file) }
    }
}
