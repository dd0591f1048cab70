import Glibc
import MiniRuntime
import NetCore

/// The control group of a world whose containers run: one directory in each hierarchy, beside berth's own, and all of the world's
/// groups below it. Namespaces do not end it: whoever ends the world removes it.
struct LabGroup: Sendable {
    /// Below every hierarchy's root.
    let path: String
    private static let prefix = "berth-lab-"

    /// Of the world that this process is to hold. Process numbers are told apart by the namespace that counts them.
    init(holder: Int32) { path = "/\(LabGroup.prefix)\(LabGroup.counter)-\(holder)" }

    private init(name: String) { path = "/\(name)" }

    /// Nothing of it, or of the groups below, is held still: a process that is cannot be killed.
    func thaw() {
        do throws(KernelError) { try Cgroup(path: path).thawAll() } catch {}
    }

    /// It is gone, with the groups below, whose processes have ended. What the kernel refuses, the next world's start removes.
    func remove() {
        do throws(KernelError) { try Cgroup(path: path).remove() } catch {}
    }

    /// Groups of worlds of which nobody is left to remove them are gone.
    static func sweep() {
        guard let hierarchies = try? Cgroup(path: "/berth").hierarchies else { return }
        var names: Set<String> = []
        for hierarchy in hierarchies { names.formUnion((try? Files.names(in: hierarchy.directory("/"))) ?? []) }
        let start = "\(prefix)\(counter)-"
        for name in names where name.hasPrefix(start) {
            guard let holder = Int32(name.dropFirst(start.count)), ProcessIdentity(pid: holder) == nil else { continue }
            LabGroup(name: name).remove()
        }
    }

    /// The number of the namespace that counts the holder: "4026531836".
    private static let counter: String = {
        var found = stat()
        return stat("/proc/self/ns/pid", &found) == 0 ? "\(found.st_ino)" : "0"
    }()
}
