import CContainer
import CKernel
import Glibc
import NetCore

/// This program's own file, which no container may write to by way of /proc/PID/exe (CVE-2019-5736).
enum OwnProgram {
    /// The process runs from a mount of its own that nobody can write through: it executes itself anew where it does not yet.
    static func protect() throws(KernelError) {
        var found = statvfs()
        try check("look at /proc/self/exe") { statvfs("/proc/self/exe", &found) }
        if found.f_flag & UInt(ST_RDONLY) != 0 { return }
        let tree = try check("open /proc/self/exe") {
            berth_open_tree(AT_FDCWD, "/proc/self/exe", UInt32(OPEN_TREE_CLONE))
        }
        try Mounting.change(tree, UInt64(MOUNT_ATTR_RDONLY), 0, "/proc/self/exe", 0)
        let words = CommandLine.arguments.map { strdup($0) } + [nil]
        try check("execute /proc/self/exe") { berth_execve_descriptor(tree, words, berth_environment()) }
    }
}
