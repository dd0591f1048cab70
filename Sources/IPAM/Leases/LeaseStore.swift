import Glibc
import NetCore

/// A network's leases on the disk, under their lock: `<dataDir>/<network>/` as the reference host-local keeps it (cni.md 2.3,
/// I-1), so that both can work on it in turn. The value holds flock(2) on `lock` from its making to its end (I-2).
public struct LeaseStore: ~Copyable {
    public static let defaultDataDirectory = "/var/lib/cni/networks"

    public let directory: String
    let index: LeaseIndex
    private let lock: FileLock?

    /// Makes what is missing and locks against everybody. Throws ETIMEDOUT when another process keeps the lock.
    public init(dataDirectory: String, network: String) throws(KernelError) {
        let directory = "\(dataDirectory)/\(network)"
        let index = LeaseIndex(dataDirectory: dataDirectory, network: network)
        do throws(KernelError) {
            self.init(directory, index, try LeaseStore.lock(directory, .exclusive))
        } catch  where error.errno == .noSuchFile {
            try Files.makeDirectories(directory)
            self.init(directory, index, try LeaseStore.lock(directory, .exclusive))
        }
    }

    private init(_ directory: String, _ index: LeaseIndex, _ lock: consuming FileLock?) {
        self.directory = directory
        self.index = index
        self.lock = lock
    }

    private static func lock(_ directory: String, _ mode: FileLock.Mode) throws(KernelError) -> FileLock {
        try FileLock("\(directory)/lock", mode, permissions: 0o750)
    }

    /// The store to change, when there is one: nothing is made but the lock's file. Nil for a network without a directory.
    public static func existing(dataDirectory: String, network: String) throws(KernelError) -> LeaseStore? {
        guard Files.exists("\(dataDirectory)/\(network)") else { return nil }
        return try LeaseStore(dataDirectory: dataDirectory, network: network)
    }

    /// The store to read, when there is one: nothing is made, and readers do not wait for each other.
    public static func reading(dataDirectory: String, network: String) throws(KernelError) -> LeaseStore? {
        let directory = "\(dataDirectory)/\(network)"
        guard Files.exists(directory) else { return nil }
        let index = LeaseIndex(dataDirectory: dataDirectory, network: network)
        guard Files.exists("\(directory)/lock") else { return LeaseStore(directory, index, nil) }
        return LeaseStore(directory, index, try lock(directory, .shared))
    }

    /// The networks that have a directory of leases below `dataDirectory`, by name; none when it is not there.
    public static func networks(in dataDirectory: String) throws(KernelError) -> [String] {
        let names = try ignoring(.noSuchFile) { () throws(KernelError) in try Files.names(in: dataDirectory) } ?? []
        return names.filter { name in
            var found = stat()
            // A network's name cannot begin with a dot; what does is berth's or another program's own.
            return !name.hasPrefix(".") && stat("\(dataDirectory)/\(name)", &found) == 0
                && found.st_mode & S_IFMT == S_IFDIR
        }.sorted()
    }

    // MARK: - Looking

    func listing() throws(KernelError) -> LeaseListing { try LeaseListing(directory) }

    /// Every lease with its holder: opens them all.
    public func leases() throws(KernelError) -> [Lease] {
        var leases: [Lease] = []
        for file in try listing().files {
            var found = stat()
            guard let holder = try holder(of: file), stat(path(file), &found) == 0 else { continue }
            leases.append(
                Lease(file: file.name, address: file.address, holder: holder, modified: found.st_mtim.tv_sec))
        }
        return leases
    }

    /// Whom the lease of an address names; nil when it is free.
    public func holder(of address: IPAddress) throws(KernelError) -> LeaseHolder? {
        try holder(of: LeaseFile(address, inode: 0))
    }

    /// A directory, or a file that is too long for a lease, is nobody's.
    func holder(of file: LeaseFile) throws(KernelError) -> LeaseHolder? {
        do throws(KernelError) {
            return LeaseHolder(content: try Files.read(path(file), limit: 4096))
        } catch  where error.errno == .noSuchFile {
            return nil
        } catch  where error.errno == .tooLarge || error.errno == Errno(EISDIR) {
            return .unreadable
        }
    }

    /// What the index recorded of the leases, when nobody changed their directory since; nil when only a listing tells. In such a
    /// directory an attachment without a link has no lease, and an address without a name is free.
    func unchanged() -> (fingerprint: LeaseFingerprint, state: DirectoryState)? {
        guard let recorded = index.recorded(), recorded.state != nil, let state = DirectoryState(of: directory),
            state.text == recorded.state
        else { return nil }
        return (recorded.fingerprint, state)
    }

    /// Whether the attachment has no link in the index.
    func hasNone(_ attachment: Attachment) -> Bool { index.inodes(of: LeaseHolder(attachment)).isEmpty }

    /// An attachment's leases: those that name it, and those that name its container alone (legacy).
    struct Held {
        var exact: [LeaseFile] = []
        var legacy: [LeaseFile] = []
        /// The leases as the index now knows them, each with its link; nil when it does not.
        var recorded: LeaseFingerprint?
        /// The state in which their directory was seen to have plain names alone.
        var plainState: DirectoryState?
        /// What DEL releases: legacy ones only when nothing names the attachment, as the reference does.
        var released: [LeaseFile] { exact.isEmpty ? legacy : exact }
    }

    /// Finds them by the index, and by reading what the index does not know. With `upkeep`, which needs the exclusive lock,
    /// the index is put right on the way.
    func leases(of attachment: Attachment, in listing: LeaseListing, upkeep: Bool) throws(KernelError) -> Held {
        let holder = LeaseHolder(attachment)
        let own = index.inodes(of: holder)
        var held = Held()
        held.plainState = listing.plainState
        if index.recorded()?.fingerprint == listing.fingerprint {
            held.recorded = listing.fingerprint
            for file in listing.files where own.contains(file.inode) {
                if try self.holder(of: file) == holder { held.exact.append(file) }
            }
            return held
        }
        let known = try index.listing(of: Set(listing.files.map(\.inode)), in: directory)
        if upkeep { index.sweep(known.stale.prefix(LeaseIndex.upkeep)) }
        var adoptable = upkeep ? LeaseIndex.upkeep : 0
        var isComplete = upkeep
        for file in listing.files {
            let isKnown = known.known.contains(file.inode)
            if isKnown, !own.contains(file.inode) { continue }
            guard let found = try self.holder(of: file) else { continue }
            if found == holder {
                held.exact.append(file)
            } else if found == .container(attachment.containerID) {
                held.legacy.append(file)
            }
            if isKnown { continue }
            if adoptable > 0, case .attachment = found, index.adopt(path(file), of: found) {
                adoptable -= 1
            } else {
                isComplete = false
            }
        }
        if isComplete {
            index.record(listing.fingerprint, plain: listing.plainState)
            held.recorded = listing.fingerprint
        }
        return held
    }

    // MARK: - Changing

    /// The attachment holds all of `addresses`, durably, or none of them (I-2, I-3). Throws first what went wrong, EEXIST
    /// when an address is taken, then what could not be undone. `before` is what the index knew when this operation looked, and
    /// `plainState` the state of the directory then, when all names were plain.
    func reserve(
        _ addresses: [IPAddress], for attachment: Attachment, before: LeaseFingerprint?, plainState: DirectoryState?
    ) throws(Failures) {
        var made: [String] = []
        do throws(KernelError) {
            let file = try index.prepare(LeaseHolder(attachment))
            if file.isNew { made.append(file.path) }
            // Somebody may write there without the lock: what he does before or after is seen, at the next listing at the latest.
            let isUntouched = plainState != nil && plainState == DirectoryState(of: directory)
            for address in addresses {
                let path = "\(directory)/\(address)"
                guard link(file.path, path) == 0 else { throw LeaseStore.refused(path, .current) }
                made.append(path)
            }
            let state = isUntouched ? DirectoryState(of: directory) : nil
            try Files.synchronizeDirectory(directory)
            var found = stat()
            try check("stat \(file.path)") { stat(file.path, &found) }
            record(before, plain: state, changed: addresses.map { (address: $0, inode: UInt64(found.st_ino)) })
        } catch {
            throw Failures([error] + remove(made.reversed()))!
        }
    }

    private static func refused(_ path: String, _ code: Errno) -> KernelError {
        switch code.rawValue {
        case EXDEV:
            KernelError("lease \(path)", code, "the data directory and its networks must be on one file system")
        case EPERM, EOPNOTSUPP:
            KernelError("lease \(path)", code, "leases are hard links: choose a dataDir on a file system that has them")
        default: KernelError.ofFile("lease \(path)", code)
        }
    }

    /// The index is as good as before, with leases that came or went.
    private func record(
        _ before: LeaseFingerprint?, plain: DirectoryState?, changed: [(address: IPAddress, inode: UInt64)]
    ) {
        guard var fingerprint = before else { return }
        for lease in changed { fingerprint.toggle(lease.address, inode: lease.inode) }
        index.record(fingerprint, plain: plain)
    }

    /// The attachment holds nothing. `likely` are addresses that it may hold: when they are all, no directory is listed.
    /// Goes on past errors and returns them. Not synced: a lease that a power cut brings back is of a container that
    /// the cut ended, and GC takes it.
    func release(_ attachment: Attachment, likely: [IPAddress]) throws(KernelError) -> [KernelError] {
        if releaseLinked(attachment, Set(likely)) { return [] }
        let held = try leases(of: attachment, in: try listing(), upkeep: true)
        let isUntouched = held.plainState != nil && held.plainState == DirectoryState(of: directory)
        let failures = remove(held.released.map { "\(directory)/\($0.name)" })
        let state = isUntouched ? DirectoryState(of: directory) : nil
        guard failures.isEmpty else { return failures }
        try index.remove(LeaseHolder(attachment))
        record(
            held.recorded, plain: state,
            changed: held.released.map { (address: $0.address, inode: $0.inode) })
        return []
    }

    /// Removes the leases at `likely` that are links to the attachment's file in the index; true when the count of links
    /// proves that they were all.
    private func releaseLinked(_ attachment: Attachment, _ likely: Set<IPAddress>) -> Bool {
        let holder = LeaseHolder(attachment)
        let path = index.path(of: holder)
        var own = stat()
        guard stat(path, &own) == 0, own.st_nlink > 1, Int(own.st_nlink) - 1 <= likely.count,
            index.inodes(of: holder).count == 1
        else { return false }
        // Who changed the directory since is found at the next listing, which the old state leads to.
        let before = index.recorded()
        let isUntouched = before?.state != nil && before?.state == DirectoryState(of: directory)?.text
        let gone = likely.filter { address in
            var lease = stat()
            return stat("\(directory)/\(address)", &lease) == 0 && lease.st_ino == own.st_ino
                && lease.st_dev == own.st_dev && unlink("\(directory)/\(address)") == 0
        }
        let state = isUntouched ? DirectoryState(of: directory) : nil
        guard stat(path, &own) == 0, own.st_nlink == 1, unlink(path) == 0 else { return false }
        record(before?.fingerprint, plain: state, changed: gone.map { (address: $0, inode: UInt64(own.st_ino)) })
        return true
    }

    private func remove(_ paths: [String]) -> [KernelError] {
        var failures: [KernelError] = []
        for path in paths {
            do throws(KernelError) { try Files.remove(path) } catch { failures.append(error) }
        }
        return failures
    }

    /// Removes every lease that `keep` refuses; goes on past errors and returns them.
    public func release(unless keep: (Lease) -> Bool) throws(KernelError) -> [KernelError] {
        let failures = remove(try leases().filter { !keep($0) }.map { "\(directory)/\($0.file)" })
        index.sweep(try index.listing(of: Set(try listing().files.map(\.inode)), in: directory).stale)
        return failures
    }

    // MARK: - Cursors

    /// The address that was last given of a set; nil when there is none or it cannot be read: that costs the turn, no more.
    func cursor(ofSet number: Int) throws(KernelError) -> IPAddress? {
        let bytes = try ignoring(.noSuchFile) { () throws(KernelError) in
            try Files.read("\(directory)/last_reserved_ip.\(number)", limit: 4096)
        }
        return bytes.flatMap { IPAddress(String(decoding: $0, as: UTF8.self)) }
    }

    /// Written in place, as the reference does: a temporary file would have to stand among the leases.
    func setCursor(_ address: IPAddress, ofSet number: Int) throws(KernelError) {
        let path = "\(directory)/last_reserved_ip.\(number)"
        let bytes = Array("\(address)".utf8)
        let file = try OwnedDescriptor(open: path, O_WRONLY | O_CREAT, mode: 0o600)
        try Files.write(bytes, to: file.number, operation: "write \(path)")
        try check("truncate \(path)") { ftruncate(file.number, bytes.count) }
    }

    private func path(_ file: LeaseFile) -> String { "\(directory)/\(file.name)" }
}
