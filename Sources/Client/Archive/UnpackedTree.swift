import CKernel
import Glibc
import NetCore

/// A tar archive from a container, unpacked into a directory of this machine. What a container sends is not trusted: no name
/// leaves the directory, no link on the way is followed, devices and set-id bits are left out.
public struct UnpackedTree {
    private let root: OwnedDescriptorBox
    private let path: String
    /// What the archive's first member is called here; nil: its content goes into the directory itself.
    private let name: String?
    private let keepsOwner: Bool
    private var skipped: Int?
    private var directories: [(parts: [String], mode: UInt32, modified: Int64)] = []

    final class OwnedDescriptorBox {
        let descriptor: OwnedDescriptor
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }

    public init(into path: String, as name: String?, keepsOwner: Bool) throws(ClientError) {
        root = OwnedDescriptorBox(
            try asking("name a directory that is there") { () throws(KernelError) in
                try OwnedDescriptor(open: path, O_RDONLY | O_DIRECTORY)
            })
        self.path = path
        self.name = name
        self.keepsOwner = keepsOwner
    }

    /// Everything that the answer brings.
    public mutating func unpack(_ source: @escaping () throws(ClientError) -> ArraySlice<UInt8>) throws(ClientError) {
        var reader = TarReader(source)
        while let header = try reader.next() {
            guard let parts = try place(header.name) else { continue }
            try make(header, parts, &reader)
        }
        for (parts, mode, modified) in directories.reversed() {
            let parent = try open(parts.dropLast())
            guard let last = parts.last else { continue }
            fchmodat(parent.number, last, mode, 0)
            setTime(parent.number, last, modified)
        }
    }

    /// Where a member goes: the archive's top is stripped, the wished name set before. Nil: the directory itself.
    private mutating func place(_ text: String) throws(ClientError) -> [String]? {
        let parts = text.split(separator: "/").map(String.init).filter { $0 != "." }
        guard !parts.contains("..") else {
            throw ClientError(
                "the archive names \(text)", by: "a path with .. leads out of \(path)",
                fix: "do not trust that container")
        }
        if skipped == nil { skipped = parts.isEmpty ? 0 : 1 }
        let rest = Array(parts.dropFirst(skipped ?? 0))
        let all = (name.map { [$0] } ?? []) + rest
        return all.isEmpty ? nil : all
    }

    /// The directory of those parts, made where it is not there; a link on the way is refused.
    private func open(_ parts: ArraySlice<String>) throws(ClientError) -> OwnedDescriptor {
        var current = OwnedDescriptor(taking: dup(root.descriptor.number))
        for part in parts {
            if mkdirat(current.number, part, 0o755) != 0, errno != EEXIST { throw failed("make", part) }
            let next = openat(current.number, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard next >= 0 else { throw failed("enter", part) }
            current = OwnedDescriptor(taking: next)
        }
        return current
    }

    private func failed(_ what: String, _ name: String) -> ClientError {
        ClientError(
            KernelError("\(what) \(name) in \(path)", .current), fix: "look at what is there, and who may write it")
    }

    private mutating func make(_ header: TarHeader, _ parts: [String], _ reader: inout TarReader) throws(ClientError) {
        let parent = try open(parts.dropLast())
        let last = parts[parts.count - 1]
        let mode = header.mode & (keepsOwner ? 0o7777 : 0o1777)
        var found = stat()
        let isThere = fstatat(parent.number, last, &found, AT_SYMLINK_NOFOLLOW) == 0
        let isDirectory = isThere && found.st_mode & S_IFMT == S_IFDIR
        if header.kind == .directory {
            if isThere && !isDirectory {
                throw ClientError("cannot put a directory onto the file \(path)/\(last)", fix: "name another place")
            }
            if !isThere, mkdirat(parent.number, last, 0o700) != 0 { throw failed("make", last) }
            directories.append((parts, mode, header.modified))
            own(parent.number, last, header)
            return
        }
        if isDirectory {
            throw ClientError("cannot put a file onto the directory \(path)/\(last)", fix: "name another place")
        }
        if isThere, unlinkat(parent.number, last, 0) != 0 { throw failed("replace", last) }
        switch header.kind {
        case .file:
            let number = openat(parent.number, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            guard number >= 0 else { throw failed("make", last) }
            let file = OwnedDescriptor(taking: number)
            while case let bytes = try reader.content(), !bytes.isEmpty { try Output.write(bytes, to: file.number) }
            own(parent.number, last, header)
            fchmod(file.number, mode)
        case .symbolicLink:
            guard symlinkat(header.link, parent.number, last) == 0 else { throw failed("make", last) }
            own(parent.number, last, header)
        case .hardLink:
            guard let target = try place(header.link) else { return }
            let folder = try open(target.dropLast())
            guard linkat(folder.number, target[target.count - 1], parent.number, last, 0) == 0 else {
                throw failed("link", last)
            }
        case .pipe:
            guard mkfifoat(parent.number, last, mode) == 0 else { throw failed("make", last) }
        case .characterDevice, .blockDevice:
            Output.tell("berth: warning: \(header.name.visible) is a device, and is left out\n")
            return
        case .directory: break
        }
        setTime(parent.number, last, header.modified)
    }

    private func own(_ parent: Int32, _ name: String, _ header: TarHeader) {
        if keepsOwner { fchownat(parent, name, header.user, header.group, AT_SYMLINK_NOFOLLOW) }
    }

    private func setTime(_ parent: Int32, _ name: String, _ modified: Int64) {
        let time = timespec(tv_sec: time_t(modified), tv_nsec: 0)
        let both = [time, time]
        utimensat(parent, name, both, AT_SYMLINK_NOFOLLOW)
    }
}
