import Glibc
import Images
import NetCore

/// The ids that a user may give to the users of user namespaces: /etc/subuid and /etc/subgid (man 5 subuid).
public enum SubordinateIDs {
    /// Whose they are when nobody is named, as dockerd has it.
    public static let standardUser = "dockremap"

    /// The map that `--userns-remap` names: `default`, USER[:GROUP] or UID[:GID]. Throws 400 for what has no ids to give, with what mends
    /// it.
    public static func map(_ text: String, directory: String = "/etc") throws(APIError) -> IDMap {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else {
            throw APIError(400, "--userns-remap=\(text): it is default, USER, USER:GROUP, UID or UID:GID")
        }
        let name = text == "default" ? standardUser : parts[0]
        guard let user = account(name, in: "\(directory)/passwd") else {
            throw APIError(
                400,
                "--userns-remap=\(text): there is no user \(name): make one (useradd --system --no-create-home --shell /usr/sbin/nologin \(name)) and give it ids: a line \(name):\(free(directory)):65536 in \(directory)/subuid and in \(directory)/subgid"
            )
        }
        guard user.id != "0" else {
            throw APIError(
                400, "--userns-remap=\(text): root cannot be mapped to itself: name another user, or leave it out")
        }
        var groups = [user]
        if parts.count == 2 {
            guard let group = account(parts[1], in: "\(directory)/group") else {
                throw APIError(400, "--userns-remap=\(text): there is no group \(parts[1]): groupadd \(parts[1])")
            }
            groups = [group, user]
        }
        return IDMap(
            users: try ranges(of: [user], "subuid", directory), groups: try ranges(of: groups, "subgid", directory))
    }

    private struct Account {
        let name: String
        let id: String
    }

    /// By name or number.
    private static func account(_ word: String, in path: String) -> Account? {
        for fields in lines(path) where fields.count > 2 && (fields[0] == word || fields[2] == word) {
            return Account(name: fields[0], id: fields[2])
        }
        return nil
    }

    private static func lines(_ path: String) -> [[String]] {
        do throws(KernelError) {
            return String(decoding: try Files.read(path), as: UTF8.self).split(separator: "\n").map {
                $0.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            }
        } catch {
            return []
        }
    }

    /// Those of the first who has any, one behind the other, as the container counts them.
    private static func ranges(
        of owners: [Account], _ file: String, _ directory: String
    ) throws(APIError) -> [IDMap.Range] {
        let path = "\(directory)/\(file)"
        let lines = lines(path)
        for owner in owners {
            let own = lines.filter { $0.count == 3 && ($0[0] == owner.name || $0[0] == owner.id) }
            guard !own.isEmpty else { continue }
            var ranges: [IDMap.Range] = []
            var next: UInt64 = 0
            for fields in own {
                let most = UInt64(UInt32.max)
                guard let start = UInt64(fields[1]), let count = UInt64(fields[2]), start > 0, count > 0, start < most,
                    count <= most - start, next + count <= most
                else {
                    throw APIError(
                        400,
                        "\(path): \(fields.joined(separator: ":")): a range is NAME:FIRST:COUNT, from 1 on and below 4294967295"
                    )
                }
                let range = IDMap.Range(inside: UInt32(next), outside: UInt32(start), count: UInt32(count))
                if let other = ranges.first(where: {
                    $0.outside < range.outside + range.count && range.outside < $0.outside + $0.count
                }) {
                    throw APIError(
                        400,
                        "\(path): \(fields.joined(separator: ":")) has ids of \(other.outside):\(other.count) too: let ranges of one owner not overlap"
                    )
                }
                ranges.append(range)
                next += count
            }
            guard next >= 6 else {
                throw APIError(
                    400,
                    "\(path): \(owner.name) has \(next) ids, and a terminal alone takes group 5: give it 65536 (\(owner.name):\(free(directory)):65536)"
                )
            }
            return ranges
        }
        throw APIError(
            400,
            "\(path) has no ids for \(owners.map(\.name).joined(separator: " or ")): add a line \(owners[0].name):\(free(directory)):65536"
        )
    }

    /// Where nobody has ids yet.
    private static func free(_ directory: String) -> UInt64 {
        var end: UInt64 = 100_000
        for fields in lines("\(directory)/subuid") + lines("\(directory)/subgid") where fields.count == 3 {
            guard let start = UInt64(fields[1]), let count = UInt64(fields[2]), start < 1 << 32, count < 1 << 32 else {
                continue
            }
            end = max(end, start + count)
        }
        return end
    }
}
