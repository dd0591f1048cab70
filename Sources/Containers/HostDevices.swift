import Glibc
import JSON
import NetCore

/// Device nodes of the host.
enum HostDevices {
    static func document(_ path: String, _ information: stat) -> JSON {
        let device = UInt64(information.st_rdev)
        return [
            "path": .string(path), "type": information.st_mode & S_IFMT == S_IFCHR ? "c" : "b",
            "major": .integer(Int64((device >> 8) & 0xfff | (device >> 32) & ~0xfff)),
            "minor": .integer(Int64(device & 0xff | (device >> 12) & ~0xff)),
            "fileMode": .integer(Int64(information.st_mode & 0o777)), "uid": .integer(Int64(information.st_uid)),
            "gid": .integer(Int64(information.st_gid)),
        ]
    }

    /// Those in /dev and one directory below; not what each container has of its own (pts, shm, mqueue, ptmx, console).
    static func all() -> [(String, stat)] {
        var found: [(String, stat)] = []
        func look(_ directory: String, _ depth: Int) {
            do throws(KernelError) {
                for name in try Files.names(in: directory).sorted() {
                    let path = "\(directory)/\(name)"
                    if ["/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/ptmx", "/dev/console", "/dev/fd"].contains(path) {
                        continue
                    }
                    var information = stat()
                    guard lstat(path, &information) == 0 else { continue }
                    switch information.st_mode & S_IFMT {
                    case S_IFDIR where depth < 2: look(path, depth + 1)
                    case S_IFCHR, S_IFBLK: found.append((path, information))
                    default: break
                    }
                }
            } catch {}
        }
        look("/dev", 0)
        return found
    }
}

extension HostDevices {
    /// Major and minor number and c or b; nil for what is no device.
    static func numbers(_ path: String) -> (Int64, Int64, String)? {
        var information = stat()
        guard stat(path, &information) == 0, [S_IFCHR, S_IFBLK].contains(information.st_mode & S_IFMT) else {
            return nil
        }
        let document = document(path, information)
        guard let major = document["major"]?.integer, let minor = document["minor"]?.integer,
            let type = document["type"]?.string
        else {
            return nil
        }
        return (major, minor, type)
    }
}
