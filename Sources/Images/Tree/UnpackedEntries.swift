import CFiles
import Glibc
import NetCore

// How each kind of entry is made.
extension Unpacking {
    mutating func makeDirectory(_ entry: TarEntry, _ path: [Name], _ directory: Int32) throws(ImageError) {
        let name = path[path.count - 1]
        var hidesBelow = false
        var place = -1 as Int32
        for _ in 0..<16 {
            let isMade = berth_file_mkdir(directory, name.terminated, 0o700) == 0
            if !isMade, errno != EEXIST { throw ImageError(KernelError("make directory \(name.shown)", .current)) }
            place = berth_file_open(directory, name.terminated, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
            if place >= 0 { break }
            hidesBelow = try clear(entry, name, directory) || hidesBelow
        }
        guard place >= 0 else {
            throw ImageError(500, "make directory \(name.shown): something else takes its name again and again")
        }
        let made = OwnedDescriptor(taking: place)
        if hidesBelow { try Whiteout.hideBelow(made.number) }
        try dress(made.number, entry)
        times.append((path, entry.seconds, entry.nanoseconds))
    }

    mutating func makeFile(
        _ entry: TarEntry, _ name: Name, _ directory: Int32, _ reader: inout TarReader
    ) throws(ImageError) {
        // What is there is whole until the new one is: the disk may have no room for that.
        if case .copy = purpose, try Directory.facts(directory, name)?.isFile ?? true {
            let passing = Array(text: ".berth-copy-\(getpid())-\(UInt64.random(in: 0 ... .max))")
            do throws(ImageError) {
                try fill(entry, passing, directory, &reader)
                try attempt("make \(name.shown)") {
                    berth_file_rename(directory, passing.terminated, directory, name.terminated)
                }
            } catch {
                _ = berth_file_unlink(directory, passing.terminated, 0)
                throw error
            }
        } else {
            try fill(entry, name, directory, &reader)
        }
        size += entry.size
    }

    /// A new file, with all that it has.
    private mutating func fill(
        _ entry: TarEntry, _ name: Name, _ directory: Int32, _ reader: inout TarReader
    ) throws(ImageError) {
        var number = -1 as Int32
        try make(entry, name, directory) {
            number = berth_file_open(directory, name.terminated, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
            return number
        }
        let file = OwnedDescriptor(taking: number)
        while true {
            let part = try reader.part()
            if part.isEmpty { break }
            var done = 0
            while done < part.count {
                done += try kernel { () throws(KernelError) in
                    try check("write \(entry.name.shown)") { () -> Int in
                        write(file.number, part.baseAddress! + done, part.count - done)
                    }
                }
            }
        }
        try dress(file.number, entry)
        try attempt("set the time of \(name.shown)") {
            berth_file_touch(file.number, [0], entry.seconds, entry.nanoseconds)
        }
    }

    /// The target's directory is resolved in the root; the target itself is no link that is followed.
    mutating func makeHardLink(_ entry: TarEntry, _ path: [Name], _ directory: Int32) throws(ImageError) {
        let target = try TarEntry.parts(entry.target, depth: limits.depth)
        guard let old = target.last, target != path else {
            throw ImageError(
                400, "the archive has \(entry.name.shown) as a hard link to itself or to the root: it is refused")
        }
        guard let from = try resolved(Array(target.dropLast())), let facts = try Directory.facts(from.number, old),
            !facts.isDirectory, !facts.isWhiteout
        else {
            throw ImageError(
                400,
                "the archive has \(entry.name.shown) as a hard link to \(entry.target.shown), which is no file in it: it is refused"
            )
        }
        let name = path[path.count - 1]
        try make(entry, name, directory) {
            berth_file_link(from.number, old.terminated, directory, name.terminated)
        }
    }

    mutating func makeNode(_ entry: TarEntry, _ name: Name, _ directory: Int32) throws(ImageError) {
        let type: UInt32
        switch entry.kind {
        case .characterDevice: type = S_IFCHR
        case .blockDevice: type = S_IFBLK
        default: type = S_IFIFO
        }
        if type == S_IFCHR, entry.major == 0, entry.minor == 0 {
            throw ImageError(
                400,
                "the archive has the device 0:0 as \(entry.name.shown), an overlay's sign for a deleted file: it is refused"
            )
        }
        try make(entry, name, directory) {
            berth_file_mknod(directory, name.terminated, type | 0o600, entry.major, entry.minor)
        }
        let made = try kernel { () throws(KernelError) in
            try Directory.entry(directory, name, Directory.pathOnly)
        }
        try dress(made.number, entry)
        try attempt("set the time of \(name.shown)") {
            berth_file_touch(made.number, [0], entry.seconds, entry.nanoseconds)
        }
    }

    /// `call` makes the entry; what had its name before is gone.
    mutating func make(
        _ entry: TarEntry, _ name: Name, _ directory: Int32, _ call: () -> Int32
    ) throws(ImageError) {
        for _ in 0..<16 {
            if call() >= 0 { return }
            let code = Errno.current
            if code == .notPermitted, entry.kind == .characterDevice || entry.kind == .blockDevice {
                throw ImageError(
                    400,
                    "the archive has the device \(entry.name.shown), and this process may not make devices (CAP_MKNOD): give an archive without"
                )
            }
            guard code == .alreadyExists else { throw ImageError(KernelError("make \(name.shown)", code)) }
            _ = try clear(entry, name, directory)
        }
        throw ImageError(500, "make \(name.shown): something else takes its name again and again")
    }

    /// What has the name gives way to the entry. True when it was a whiteout.
    mutating func clear(_ entry: TarEntry, _ name: Name, _ directory: Int32) throws(ImageError) -> Bool {
        guard let facts = try Directory.facts(directory, name) else { return false }
        if case .copy(noOverwriteDirNonDir: true) = purpose, facts.isDirectory != (entry.kind == .directory) {
            throw ImageError(
                400,
                facts.isDirectory
                    ? "cannot overwrite directory \(name.shown) with what is none"
                    : "cannot overwrite \(name.shown), which is no directory, with one")
        }
        if facts.isDirectory || facts.isLink {
            // The parent that is open may be what goes.
            let isParent = parent?.descriptor == directory
            try Removal.remove(directory, name)
            if !isParent { forgetParent() }
        } else {
            try Removal.remove(directory, name)
        }
        return facts.isWhiteout
    }
}
