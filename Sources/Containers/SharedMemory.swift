import Glibc
import NetCore

/// The directory of the host that is a container's /dev/shm, where another container shares it (`--ipc=shareable`, `--ipc=container:ID`).
enum SharedMemory {
    static func mode(_ container: Container?) -> String { container?.now.host["IpcMode"]?.string ?? "" }

    private static func place(_ container: Container) -> String { "\(container.runtime)/shm" }

    /// Nil where the container has one of its own that nobody shares.
    static func make(
        _ container: Container, _ undo: inout Undo, find: (String) throws(APIError) -> Container
    ) throws(APIError) -> String? {
        let mode = mode(container)
        switch mode {
        case "host": return "/dev/shm"
        case "shareable":
            let place = place(container)
            let size = container.now.host["ShmSize"]?.integer ?? 0
            let options = "mode=1777,size=\(size > 0 ? size : 64 << 20)"
            try Faults.kernel("make the shared memory of container \(container.shortID)") { () throws(KernelError) in
                try Files.makeDirectories(place, mode: 0o700)
                try check("mount \(place)") {
                    mount("shm", place, "tmpfs", UInt(MS_NOSUID | MS_NODEV | MS_NOEXEC), options)
                }
            }
            undo.add { remove(container) }
            return place
        case let other where other.hasPrefix("container:"):
            let holder = try find(String(other.dropFirst("container:".count)))
            return self.mode(holder) == "host" ? "/dev/shm" : place(holder)
        default: return nil
        }
    }

    /// Nothing is mounted there; done again it does nothing.
    static func remove(_ container: Container) {
        guard mode(container) == "shareable" else { return }
        _ = umount2(place(container), Int32(MNT_DETACH) | 8)
    }
}
