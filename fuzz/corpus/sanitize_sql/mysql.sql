7 /*!50000 SELECT */ `a`, "b\"c" -- d
FROM t # e
WHERE f = X'41' AND g IN (1, 2.5e-3, 0x1F) LIMIT 10