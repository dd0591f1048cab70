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
        if let (place, _) = planned(container) {
            let options = options(container)
            try Faults.kernel("make the shared memory of container \(container.shortID)") { () throws(KernelError) in
                try Files.makeDirectories(place, mode: 0o700)
                try check("mount \(place)") {
                    mount("shm", place, "tmpfs", UInt(MS_NOSUID | MS_NODEV | MS_NOEXEC), options)
                }
            }
            undo.add { remove(container) }
        }
        return try source(container, find: find)
    }

    private static func options(_ container: Container) -> String {
        let size = container.now.host["ShmSize"]?.integer ?? 0
        return "mode=1777,size=\(size > 0 ? size : 64 << 20)"
    }

    /// The place and mount(8)'s options of what `make` mounts; nil where it mounts nothing.
    static func planned(_ container: Container) -> (place: String, options: String)? {
        guard mode(container) == "shareable" else { return nil }
        return (place(container), "nosuid,nodev,noexec," + options(container))
    }

    /// What `make` gives, with nothing made.
    static func source(
        _ container: Container, find: (String) throws(APIError) -> Container
    ) throws(APIError) -> String? {
        switch mode(container) {
        case "host": return "/dev/shm"
        case "shareable": return place(container)
        case let other where other.hasPrefix("container:"):
            let holder = try find(String(other.dropFirst("container:".count)))
            return mode(holder) == "host" ? "/dev/shm" : place(holder)
        default: return nil
        }
    }

    /// Nothing is mounted there; done again it does nothing.
    static func remove(_ container: Container) {
        guard mode(container) == "shareable" else { return }
        _ = umount2(place(container), Int32(MNT_DETACH) | 8)
    }
}
