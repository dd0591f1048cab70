import Glibc
import NetCore

/// A file in a network's directory whose name is an address.
struct LeaseFile: Hashable {
    let address: IPAddress
    let inode: UInt64
    /// Nil when it is the address as we write it.
    private let spelled: String?

    var name: String { spelled ?? "\(address)" }

    init(_ address: IPAddress, spelled: String? = nil, inode: UInt64) {
        self.address = address
        self.inode = inode
        self.spelled = spelled
    }
}

/// The leases of a network as one listing of its directory shows them; no file was opened.
struct LeaseListing {
    private(set) var files: [LeaseFile] = []
    private(set) var fingerprint = LeaseFingerprint()
    /// The directory's state before it was listed, when every name is the address as we write it: then a name tells whether an
    /// address is taken.
    private(set) var plainState: DirectoryState?

    init(_ directory: String) throws(KernelError) {
        plainState = DirectoryState(of: directory)
        files.reserveCapacity(256)
        try DirectoryEntry.forEach(in: directory) { entry in
            if let address = entry.plainAddress {
                add(LeaseFile(address, inode: entry.inode))
            } else {
                let name = entry.name
                guard let address = IPAddress(name) else { return }
                if name == "\(address)" {
                    add(LeaseFile(address, inode: entry.inode))
                } else {
                    plainState = nil
                    add(LeaseFile(address, spelled: name, inode: entry.inode))
                }
            }
        }
    }

    private mutating func add(_ file: LeaseFile) {
        files.append(file)
        fingerprint.toggle(file.address, inode: file.inode)
    }

    /// Every address that is taken, whoever holds it and whatever its file contains (I-4).
    var occupied: Set<IPAddress> { Set(files.map(\.address)) }

    /// As `lookup()`, of a directory in which every name is plain: the first few names are looked up, and only then all are listed.
    static func lookup(in directory: String) -> (IPAddress) -> Bool {
        var questions = 0
        var all: Set<IPAddress>?
        return { address in
            questions += 1
            // One that cannot be listed is asked on, name by name.
            if questions == 5 { all = try? LeaseListing(directory).occupied }
            if let all { return all.contains(address) }
            var found = stat()
            return lstat("\(directory)/\(address)", &found) == 0
        }
    }

    /// Tells of an address whether it is taken. The first few questions are answered by a walk: an allocation mostly asks one, and a
    /// set of a thousand costs it 0.1 ms.
    func lookup() -> (IPAddress) -> Bool {
        var questions = 0
        var all: Set<IPAddress>?
        return { address in
            if let all { return all.contains(address) }
            questions += 1
            if questions > 4 { all = occupied }
            return files.contains { $0.address == address }
        }
    }
}

/// A lease with its holder, for those who look (`doctor`, `ls`, GC).
public struct Lease: Hashable, Sendable {
    /// The file's name: the address, as whoever made it wrote it.
    public let file: String
    public let address: IPAddress
    public let holder: LeaseHolder
    /// Seconds since 1970 of the file's last change (st_mtime).
    public let modified: Int
}
