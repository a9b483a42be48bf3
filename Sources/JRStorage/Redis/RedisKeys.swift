/// The keys of one node, as docs/redis-layout.md describes them.
///
/// The node's name is their hash tag: all of them are on one server of a cluster, as scripts need. It stands between
/// braces, which no name has, so that no node's keys are those of another whose name begins or ends alike.
struct RedisKeys: Sendable, Equatable {
    /// Of the layout. Changed only when older programs cannot read what newer ones write.
    static let format = "1"

    let meta: String
    let jobs: String
    let order: String
    let running: String
    let lease: String

    init(node: String) {
        let prefix = "jr:{\(node)}:"
        meta = prefix + "meta"
        jobs = prefix + "jobs"
        order = prefix + "order"
        running = prefix + "running"
        lease = prefix + "lease"
    }

    var all: [String] { [meta, jobs, order, running, lease] }
}

/// What the server does in one piece. Each has all five keys, and its own arguments.
enum RedisScript: String, Sendable {
    /// Arguments: holder, lease in ms, format, a new store's id, the store's id and the token that were held before or
    /// two empty ones, the holder that is known to be dead or an empty one, the commits that were answered.
    ///
    /// The token only rises: after the server was emptied it goes on from the server's clock, so that no number comes
    /// twice. Another store's id, an older token or fewer commits than were answered mean that the server came back
    /// with less than it had.
    case take = """
        local format = redis.call('HGET', KEYS[1], 'format')
        if format and format ~= ARGV[3] then return {'format', format} end
        local store = redis.call('HGET', KEYS[1], 'store')
        local token = redis.call('HGET', KEYS[1], 'token')
        local holder = redis.call('GET', KEYS[5])
        local lost = 0
        if ARGV[6] ~= '' then
          local commits = tonumber(redis.call('HGET', KEYS[1], 'commits') or '0')
          if store ~= ARGV[5] or tonumber(token) < tonumber(ARGV[6]) then lost = 1
          elseif token == ARGV[6] and commits < tonumber(ARGV[8]) then lost = 1
          elseif token ~= ARGV[6] then return {'fenced', holder or ''} end
        end
        if holder and holder ~= ARGV[7] then
          local mine = string.match(ARGV[1], '^[^|]*')
          if string.match(holder, '^[^|]*') ~= mine then
            return {ARGV[6] ~= '' and 'fenced' or 'held', holder, redis.call('PTTL', KEYS[5])}
          end
        end
        local time = redis.call('TIME')
        local clock = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
        local next = string.format('%.0f', math.max(tonumber(token or '0') + 1, clock))
        if not store then store = ARGV[4] end
        redis.call('HDEL', KEYS[1], 'none')
        redis.call('HSET', KEYS[1], 'format', ARGV[3], 'store', store, 'token', next)
        redis.call('SET', KEYS[5], ARGV[1], 'PX', ARGV[2])
        return {'taken', next, store, lost, redis.call('ZCARD', KEYS[3]), redis.call('HLEN', KEYS[2])}
        """

    /// Arguments: token, holder, lease in ms.
    case renew = """
        local token = redis.call('HGET', KEYS[1], 'token')
        if not token then return {'lost'} end
        if token ~= ARGV[1] then return {'fenced', redis.call('GET', KEYS[5]) or ''} end
        redis.call('HDEL', KEYS[1], 'none')
        redis.call('SET', KEYS[5], ARGV[2], 'PX', ARGV[3])
        return {'done'}
        """

    /// Arguments: token, the number of ids whose mark ends, 1 if all that is stored is replaced, these ids, then an id
    /// and a record for each change, the record empty for a removal. Answers how many commits there have been.
    ///
    /// Its first write is one that a server without room refuses. If all records are there already, so that nothing
    /// grows much, it goes on nevertheless: once a script has written anything, the server lets it finish, and HDEL is
    /// allowed without room, as the other scripts make use of too. Otherwise the ends of jobs could not be stored, and
    /// no room would ever be made.
    case commit = """
        local token = redis.call('HGET', KEYS[1], 'token')
        if not token then return {'lost'} end
        if token ~= ARGV[1] then return {'fenced', redis.call('GET', KEYS[5]) or ''} end
        local first = 4 + tonumber(ARGV[2])
        local probe = redis.pcall('HINCRBY', KEYS[1], 'commits', 1)
        if type(probe) == 'table' and probe.err then
          if not string.find(probe.err, 'OOM', 1, true) then return probe end
          for i = first, #ARGV, 2 do
            if ARGV[i + 1] ~= '' and redis.call('HEXISTS', KEYS[2], ARGV[i]) == 0 then return probe end
          end
          redis.call('HDEL', KEYS[1], 'none')
        end
        if ARGV[3] == '1' then redis.call('DEL', KEYS[2], KEYS[3]) end
        for i = 4, first - 1 do redis.call('SREM', KEYS[4], ARGV[i]) end
        for i = first, #ARGV, 2 do
          if ARGV[i + 1] == '' then
            redis.call('HDEL', KEYS[2], ARGV[i])
            redis.call('ZREM', KEYS[3], ARGV[i])
          elseif redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then
            redis.call('ZADD', KEYS[3], redis.call('HINCRBY', KEYS[1], 'sequence', 1), ARGV[i])
          end
        end
        return {'done', redis.call('HGET', KEYS[1], 'commits')}
        """

    /// Arguments: token, ids of jobs whose attempts begin.
    case mark = """
        if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return {'fenced', ''} end
        redis.call('HDEL', KEYS[1], 'none')
        for i = 2, #ARGV do redis.call('SADD', KEYS[4], ARGV[i]) end
        return {'done'}
        """

    /// Arguments: token, the place of the first job wanted. Answers ids and records in turn, of at most 500 jobs and
    /// some more than 8 MiB.
    case load = """
        if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return {'fenced', ''} end
        local ids = redis.call('ZRANGE', KEYS[3], ARGV[2], ARGV[2] + 499)
        local found, bytes = {'done'}, 0
        for _, id in ipairs(ids) do
          local record = redis.call('HGET', KEYS[2], id) or ''
          found[#found + 1] = id
          found[#found + 1] = record
          bytes = bytes + #record
          if bytes > 8388608 then break end
        end
        return found
        """

    /// Arguments: token.
    case release = """
        if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return {'fenced', ''} end
        redis.call('DEL', KEYS[5])
        return {'done'}
        """

    /// The script as a command, with so many arguments.
    func command(
        _ keys: RedisKeys, arguments count: Int, reserving bytes: Int = 0, _ body: (inout RESPWriter) -> Void
    ) -> RESPCommand {
        RESPCommand("EVAL", arguments: 2 + keys.all.count + count, reserving: bytes + 2_048) { writer in
            writer.bulk(rawValue.utf8)
            writer.bulk(keys.all.count)
            for key in keys.all { writer.bulk(key.utf8) }
            body(&writer)
        }
    }

    func command(_ keys: RedisKeys, _ arguments: [String]) -> RESPCommand {
        command(keys, arguments: arguments.count) { writer in
            for argument in arguments { writer.bulk(argument.utf8) }
        }
    }
}
