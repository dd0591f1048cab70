import Glibc
import NetCore

/// Hard links to lease files in `<dataDir>/.berth/<network>/`, named after their attachments: they tell whose a lease is
/// without opening it. (4,000 files read cost 20 ms, a directory of them listed 1.5 ms; docs/plugins/host-local.md.)
///
/// An accelerator, never trusted: the directory of leases says which addresses are taken. A link keeps its inode from being
/// used again, so that a lease with a linked inode has the content that it was linked with; the reference removes leases
/// and adds others without the index knowing, and what has no link here is read. A fingerprint of the leases as berth
/// left them, with a link for each, tells that there is nothing to read. A network's name cannot begin with a dot, so no
/// network's directory is ever called `.berth`.
struct LeaseIndex {
    let directory: String
    private let state: FingerprintFile

    /// How many stale links an operation removes, and how many foreign leases it links: what is left waits for the next.
    static let upkeep = 256
    /// How many links an attachment can have: one to the file that its leases share, others to files of the reference.
    static let slots = 8

    init(dataDirectory: String, network: String) {
        directory = "\(dataDirectory)/.berth/\(network)"
        state = FingerprintFile(path: "\(dataDirectory)/.berth/.\(network)")
    }

    /// 32 hex digits of SHA-256 of the content: the name of an attachment's first link, and what the others begin with.
    static func name(of holder: LeaseHolder) -> String { hex(Digest.sha256(holder.content), digits: 32) }

    func path(of holder: LeaseHolder) -> String { "\(directory)/\(LeaseIndex.name(of: holder))" }

    private func paths(of holder: LeaseHolder) -> [String] {
        let path = path(of: holder)
        return [path] + (1..<LeaseIndex.slots).map { "\(path).\($0)" }
    }

    // MARK: - Finding

    /// What the index knows of the leases.
    struct Recorded: Hashable {
        /// The leases as berth left them, each with its link.
        var fingerprint: LeaseFingerprint
        /// The state of the leases' directory that it is good for, in which every name is plain; nil when only a listing tells.
        var state: String?
    }

    /// Nil when nothing is known, or somebody changed the links since.
    func recorded() -> Recorded? {
        guard let changed = changed() else { return nil }
        return state.read(changed)
    }

    /// When the links were last changed (st_mtim), as text; nil without an index.
    private func changed() -> String? {
        var found = stat()
        guard stat(directory, &found) == 0 else { return nil }
        return "\(found.st_ino) \(found.st_mtim.tv_sec) \(found.st_mtim.tv_nsec)"
    }

    /// The inodes of a holder's links, whether they have leases or not.
    func inodes(of holder: LeaseHolder) -> Set<UInt64> {
        var inodes: Set<UInt64> = []
        for path in paths(of: holder) {
            var found = stat()
            if stat(path, &found) == 0 { inodes.insert(UInt64(found.st_ino)) }
        }
        return inodes
    }

    /// What the index knows of a directory's leases.
    struct Listing {
        /// Inodes of leases that are linked here.
        var known: Set<UInt64> = []
        /// Names of links whose leases are gone.
        var stale: [String] = []
    }

    /// The index as it stands to `leases`, the inodes in `leaseDirectory`; empty when there is no index or it cannot be
    /// relied on.
    func listing(of leases: Set<UInt64>, in leaseDirectory: String) throws(KernelError) -> Listing {
        var here = stat()
        var there = stat()
        // Inode numbers of two file systems say nothing about each other.
        guard stat(directory, &here) == 0, stat(leaseDirectory, &there) == 0, here.st_dev == there.st_dev else {
            return Listing()
        }
        var listing = Listing()
        listing.known.reserveCapacity(leases.count)
        var isSound = true
        try DirectoryEntry.forEach(in: directory) { entry in
            if !leases.contains(entry.inode) {
                listing.stale.append(entry.name)
            } else if !listing.known.insert(entry.inode).inserted {
                // A file system that makes numbers up for readdir.
                isSound = false
            }
        }
        return isSound ? listing : Listing()
    }

    // MARK: - Changing

    /// A file with the holder's content, on the disk before it returns, for leases to be linked to. One that already has
    /// leases is used again; what a crash left of another is replaced.
    func prepare(_ holder: LeaseHolder) throws(KernelError) -> (path: String, isNew: Bool) {
        let path = path(of: holder)
        var found = stat()
        if stat(path, &found) == 0 {
            if found.st_nlink > 1, try Files.read(path, limit: 4096) == holder.content { return (path, false) }
            try Files.remove(path)
        }
        do throws(KernelError) {
            try write(holder, to: path)
        } catch  where error.errno == .noSuchFile {
            try Files.makeDirectories(directory, mode: 0o700)
            try write(holder, to: path)
        }
        return (path, true)
    }

    private func write(_ holder: LeaseHolder, to path: String) throws(KernelError) {
        do throws(KernelError) {
            let file = try OwnedDescriptor(open: path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try Files.write(holder.content, to: file.number, operation: "write \(path)")
            try check("fsync \(path)") { fsync(file.number) }
        } catch {
            unlink(path)
            throw error
        }
    }

    /// Links a lease that another program made; false when that cannot be: it is read next time.
    func adopt(_ lease: String, of holder: LeaseHolder) -> Bool {
        make()
        return paths(of: holder).dropFirst().contains { link(lease, $0) == 0 }
    }

    /// The leases are these, each with its link, and the links will not change any more in this operation. That it cannot be
    /// written costs a reading; so does an operation that changes links and does not record.
    /// `plain` is the state of their directory in which it has these and no others, with plain names.
    func record(_ leases: LeaseFingerprint, plain: DirectoryState?) {
        make()
        if let changed = changed() { state.write(Recorded(fingerprint: leases, state: plain?.text), changed) }
    }

    private func make() {
        guard !Files.exists(directory) else { return }
        mkdir(Files.directory(of: directory), 0o700)
        mkdir(directory, 0o700)
    }

    /// The holder has no links any more.
    func remove(_ holder: LeaseHolder) throws(KernelError) {
        for path in paths(of: holder) { try Files.remove(path) }
    }

    /// Removes links; one that stays costs a reading, nothing else.
    func sweep(_ names: some Sequence<String>) {
        for name in names { unlink("\(directory)/\(name)") }
    }
}

/// A fingerprint on the disk, good for one boot and one state of the links: after a power cut directories may have lost
/// what the file still tells of.
private struct FingerprintFile {
    let path: String

    /// Nil when there is none of this boot and this state.
    func read(_ changed: String) -> LeaseIndex.Recorded? {
        do throws(KernelError) {
            let lines = try Files.read(path, limit: 4096).split(separator: UInt8(ascii: "\n"))
                .map { String(decoding: $0, as: UTF8.self) }
            guard lines.count == 3 || lines.count == 4, lines[0] == Host.bootID, lines[1] == changed,
                let fingerprint = LeaseFingerprint(text: lines[2])
            else { return nil }
            return LeaseIndex.Recorded(fingerprint: fingerprint, state: lines.count == 4 ? lines[3] : nil)
        } catch {
            return nil
        }
    }

    /// In place: a torn text is none, and what stands there is compared with the leases before it is believed.
    func write(_ recorded: LeaseIndex.Recorded, _ changed: String) {
        do throws(KernelError) {
            guard let boot = Host.bootID else { return }
            let state = recorded.state.map { "\n" + $0 } ?? ""
            let bytes = Array("\(boot)\n\(changed)\n\(recorded.fingerprint.text)\(state)".utf8)
            let file = try OwnedDescriptor(open: path, O_WRONLY | O_CREAT, mode: 0o600)
            try Files.write(bytes, to: file.number, operation: "write \(path)")
            try check("truncate \(path)") { ftruncate(file.number, bytes.count) }
        } catch {
            unlink(path)
        }
    }
}
