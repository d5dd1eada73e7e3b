5 COPY t (a, b) FROM STDIN;
1	secret
\.
